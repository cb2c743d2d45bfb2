import { isObject } from '../text/is-object.js';
import {
  append,
  formatDocument,
  formatTable,
  mergeTables,
  removeTable,
  removeValue,
  setValue,
  type TomlTable,
  tableAt,
  withValue,
} from '../text/toml-edit.js';
import { filesOf } from './files.js';
import { asString, parse } from './parse.js';
import type { EngineFormat, EngineRuntime } from './types.js';

const file = '/etc/crio/crio.conf';
const runtimePath = ['crio', 'runtime'];

/** CRI-O's crio.conf, with the files below crio.conf.d merged into it; crio.conf.d(5). */
export const crio: EngineFormat = {
  engine: 'crio',
  file,
  read(text) {
    const runtime = tableAt(parse(text), runtimePath) ?? {};
    const runtimes = Object.entries(tableAt(runtime, ['runtimes']) ?? {}).map(
      ([name, table]) => [name, runtimeOf(isObject(table) ? table : {})] as const,
    );
    return { runtimes: new Map(runtimes), defaultRuntime: asString(runtime.default_runtime) };
  },
  add(text, added, inherited) {
    const runtimes = [...runtimePath, 'runtimes'];
    const source = added.source === undefined ? {} : tableAt(parse(inherited), [...runtimes, added.source]);
    // with inherit_default_runtime, CRI-O ignores runtime_path
    const { inherit_default_runtime: _, ...settings } = source ?? {};
    const table = { ...settings, runtime_path: added.path, runtime_type: settings.runtime_type || 'oci' };
    const path = [...runtimes, added.name];
    const withRuntime = append(removeTable(text, path), formatTable(path, table));
    return added.isDefault ? setValue(withRuntime, runtimePath, 'default_runtime', added.name) : withRuntime;
  },
  remove(text, name, formerDefault) {
    const without = removeTable(text, [...runtimePath, 'runtimes', name]);
    if (crio.read(text).defaultRuntime !== name) return without;
    if (formerDefault === undefined) return removeValue(without, runtimePath, 'default_runtime');
    return setValue(without, runtimePath, 'default_runtime', formerDefault);
  },
  values: parse,
  dropIn: (file, name) => `${file}.d/${name}.conf`,
  inherited(file, text, other) {
    const files = filesOf(`${file}.d`, { other, recursive: true });
    return formatDocument(files.map((each) => parse(each.text)).reduce(merge, parse(text)));
  },
  dropInStart: () => '',
  // CRI-O reads all files of crio.conf.d
  reading: (_, text) => text,
  tables: () => [runtimePath],
};

/** Merges the tables of a later file. A runtime in it replaces the whole runtime of that name. */
function merge(under: TomlTable, over: TomlTable): TomlTable {
  const runtimes = [...runtimePath, 'runtimes'];
  return Object.entries(tableAt(over, runtimes) ?? {}).reduce(
    (all, [name, table]) => withValue(all, [...runtimes, name], table),
    mergeTables(under, over),
  );
}

/** Runtimes of the type `vm` are shims of containerd. */
function runtimeOf({ runtime_path: path, runtime_type: type }: TomlTable): EngineRuntime {
  return { path: asString(path), ...(type === 'vm' ? { foreign: type } : {}) };
}
