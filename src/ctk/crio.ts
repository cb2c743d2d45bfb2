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
} from '../text/toml-edit.js';
import { filesOf } from './files.js';
import { asString, parse } from './parse.js';
import type { EngineFormat } from './types.js';

const file = '/etc/crio/crio.conf';
const runtimePath = ['crio', 'runtime'];

/** CRI-O's crio.conf, with the files of crio.conf.d merged into it table by table; crio.conf(5). */
export const crio: EngineFormat = {
  engine: 'crio',
  file,
  read(text) {
    const runtime = tableAt(parse(text), runtimePath) ?? {};
    const runtimes = Object.entries(tableAt(runtime, ['runtimes']) ?? {}).map(
      ([name, table]) => [name, asString((table as TomlTable).runtime_path)] as const,
    );
    return { runtimes: new Map(runtimes), defaultRuntime: asString(runtime.default_runtime) };
  },
  add(text, added, inherited) {
    const path = [...runtimePath, 'runtimes', added.name];
    const table = { ...sourceTable(inherited), runtime_path: added.path, runtime_type: 'oci' };
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
    const files = filesOf(`${file}.d`, other);
    return formatDocument(files.map((each) => parse(each.text)).reduce(mergeTables, parse(text)));
  },
  dropInStart: () => '',
  // CRI-O reads all files of crio.conf.d
  reading: (_, text) => text,
  tables: () => [runtimePath],
};

/** Returns the settings of runc, or else of the default runtime. */
function sourceTable(text: string): TomlTable {
  const runtime = tableAt(parse(text), runtimePath) ?? {};
  const defaultName = asString(runtime.default_runtime) ?? 'crun';
  return tableAt(runtime, ['runtimes', 'runc']) ?? tableAt(runtime, ['runtimes', defaultName]) ?? {};
}
