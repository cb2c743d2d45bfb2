import { dirname, join, resolve } from 'node:path';
import { isObject } from '../text/is-object.js';
import {
  append,
  formatDocument,
  formatTable,
  mergeTables,
  removeTable,
  removeValue,
  sameToml,
  setValue,
  type TomlTable,
  tableAt,
  withValue,
} from '../text/toml-edit.js';
import { configError } from './error.js';
import { filesOf } from './files.js';
import { asString, parse } from './parse.js';
import type { AddedRuntime, EngineFormat, EngineRuntime, OtherFile, RuntimesFound } from './types.js';

const file = '/etc/containerd/config.toml';
const runcShim = 'io.containerd.runc.v2';

/** The table with the CRI plugin's runtimes in each version of the configuration; containerd's docs/PLUGINS.md. */
const criTables: Readonly<Record<number, readonly string[]>> = {
  1: ['plugins', 'cri', 'containerd'],
  2: ['plugins', 'io.containerd.grpc.v1.cri', 'containerd'],
  3: ['plugins', 'io.containerd.cri.v1.runtime', 'containerd'],
  4: ['plugins', 'io.containerd.cri.v1.runtime', 'containerd'],
};

/** containerd's config.toml, versions 1 to 4. */
export const containerd: EngineFormat = {
  engine: 'containerd',
  file,
  read(text): RuntimesFound {
    const values = parse(text);
    const cri = tableAt(values, criPath(text)) ?? {};
    const runtimes = Object.keys(tableAt(cri, ['runtimes']) ?? {}).map(
      (name) => [name, runtimeOf(tableAt(cri, ['runtimes', name]) ?? {})] as const,
    );
    return { runtimes: new Map(runtimes), defaultRuntime: asString(cri.default_runtime_name) };
  },
  add(text, added, inherited): string {
    const cri = criPath(text);
    const start = text.trim() === '' ? `${text}version = 2\n` : text;
    const path = [...cri, 'runtimes', added.name];
    const table = formatTable(path, runtimeTable(inherited, added));
    const without = removeTable(start, path);
    const withRuntime = append(append(without, builtInRuntime(without, inherited)), table);
    if (!added.isDefault) return withRuntime;
    return setValue(withRuntime, cri, 'default_runtime_name', added.name);
  },
  remove(text, name, formerDefault): string {
    const cri = criPath(text);
    const without = removeBuiltInRuntime(removeTable(text, [...cri, 'runtimes', name]));
    if (containerd.read(text).defaultRuntime !== name) return without;
    if (formerDefault === undefined) return removeValue(without, cri, 'default_runtime_name');
    return setValue(without, cri, 'default_runtime_name', formerDefault);
  },
  values: parse,
  // the last name in its directory: a later file would override it
  dropIn: (configFile, name) => join(dirname(configFile), `conf.d/${name}.toml`),
  inherited: effective,
  dropInStart(text, whole, added) {
    const version = `version = ${containerdVersion(text)}\n`;
    if (containerdVersion(text) > 2) return version;
    // in versions 1 and 2 an import replaces a plugin's whole section, so the drop-in file needs a copy of the section
    const sections = new Set(added.tables(text).map(([, plugin]) => plugin as string));
    return [...sections].reduce((start, plugin) => {
      const section = ['plugins', plugin];
      const copied = tableAt(parse(whole), section);
      return copied === undefined ? start : append(start, formatTable(section, copied));
    }, version);
  },
  tables: (text) => [criPath(text)],
  reading(configFile, text, dropIn) {
    const imports = importsOf(text);
    if (imports.some((pattern) => globPattern(configFile, pattern).test(dropIn))) return text;
    const start = text.trim() === '' ? `${text}version = 2\n` : text;
    return setValue(start, [], 'imports', [...imports, join(dirname(dropIn), '*.toml')]);
  },
};

/** Returns the configuration with its imports, merged by the rules of its version: plugin by plugin, or all tables. */
function effective(configFile: string, text: string, other?: OtherFile): string {
  const files = importedFiles(configFile, text, other);
  if (files.length === 0) return text;
  const values = parse(text);
  const sections = containerdVersion(text) < 3 ? ['proxy_plugins', 'plugins'] : ['proxy_plugins'];
  const merged = files.reduce((under, each) => {
    const over = parse(each);
    return sections.reduce(
      (all, section) => {
        const both = { ...tableAt(under, [section]), ...tableAt(over, [section]) };
        return section in all ? withValue(all, [section], both) : all;
      },
      mergeTables(under, over),
    );
  }, values);
  // an imported file has its own version
  return formatDocument(withValue(merged, ['version'], values.version));
}

/** Returns the texts of all imports. As containerd does, imports of imports come after all imports of the file. */
function importedFiles(configFile: string, text: string, other?: OtherFile): string[] {
  const seen = new Set([configFile]);
  const texts: string[] = [];
  const waiting = [{ file: configFile, text }];
  for (const { file: importing, text: source } of waiting) {
    for (const path of importsOf(source)) {
      const pattern = globPattern(importing, path);
      for (const each of filesOf(dirname(resolve(dirname(importing), path)), { other, pattern })) {
        if (!pattern.test(each.file) || seen.has(each.file)) continue;
        seen.add(each.file);
        waiting.push(each);
        texts.push(each.text);
      }
    }
  }
  return texts;
}

function importsOf(text: string): string[] {
  const { imports } = parse(text);
  return Array.isArray(imports) ? imports.filter((each) => typeof each === 'string') : [];
}

/** Returns an expression for the files of an import: an absolute path or one relative to the configuration, with `*` and `?`. */
function globPattern(configFile: string, pattern: string): RegExp {
  const path = resolve(dirname(configFile), pattern).replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${path.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
}

/** Returns the version of a configuration. The default is 1; an empty configuration will be written in version 2. */
export function containerdVersion(text: string): number {
  if (text.trim() === '') return 2;
  const { version = 1 } = parse(text);
  if (typeof version === 'number' && version in criTables) return version;
  throw configError(
    '',
    `its version is ${String(version)}, but only ${Object.keys(criTables).join(', ')} are supported`,
  );
}

/** Returns the path of the table with the CRI plugin's runtimes: `plugins`, the plugin's name, … */
export function criPath(text: string): readonly string[] {
  return criTables[containerdVersion(text)] as readonly string[];
}

/** Returns the table of the new runtime: a copy of its source with our program. */
function runtimeTable(text: string, { path, source }: AddedRuntime): TomlTable {
  const { options, ...settings } = copyOf(text, source);
  return {
    ...settings,
    options: {
      ...(options as TomlTable | undefined),
      BinaryName: path,
      // the shim of containerd 1.2 and earlier
      ...(settings.runtime_type === 'io.containerd.runtime.v1.linux' ? { Runtime: path } : {}),
    },
  };
}

/**
 * Returns a copy of a runtime's table. SystemdCgroup comes from the default runtime, since all runtimes of a node must
 * use the same cgroup manager.
 *
 * @param source undefined for containerd's defaults
 */
export function copyOf(text: string, source: string | undefined): TomlTable {
  const version = containerdVersion(text);
  const cri = tableAt(parse(text), criPath(text)) ?? {};
  const found = source === undefined ? undefined : tableAt(cri, ['runtimes', source]);
  const { options, ...settings } = found ?? newRuntime(version);
  const common = tableAt(cri, ['runtimes', asString(cri.default_runtime_name) ?? 'runc', 'options']);
  return {
    ...settings,
    runtime_type: settings.runtime_type || runcShim,
    options: {
      ...(common?.SystemdCgroup === undefined ? {} : { SystemdCgroup: common.SystemdCgroup }),
      ...(options as TomlTable | undefined),
    },
  };
}

/** Types of the shims that call a program with the command line of runc. */
const runcShims = /^(io\.containerd\.(runc\.v[12]|runtime\.v1\.linux)|\/.*\/containerd-shim-runc-v[12])?$/;

function runtimeOf({ runtime_type: type = '', runtime_path: shim = '', options }: TomlTable): EngineRuntime {
  const { BinaryName, Runtime } = isObject(options) ? options : {};
  const foreign = [shim, type].find((each) => !runcShims.test(String(each)));
  return {
    path: asString(BinaryName) ?? asString(Runtime),
    ...(foreign === undefined ? {} : { foreign: String(foreign) }),
  };
}

/**
 * Returns the text of containerd's built-in runtime, if the configuration names no runtime. containerd drops the
 * built-in runtime when a configuration names another one, and its CRI plugin does not start without a default runtime.
 */
export function builtInRuntime(text: string, inherited: string): string {
  const cri = criPath(text);
  const names = (each: string) => tableAt(parse(each), [...cri, 'runtimes']) !== undefined;
  if (names(text) || names(inherited)) return '';
  return formatTable([...cri, 'runtimes', 'runc'], newRuntime(containerdVersion(text)));
}

/** Returns the text without the table of {@link builtInRuntime}, unless other runtimes are left. */
export function removeBuiltInRuntime(text: string): string {
  const cri = criPath(text);
  const { runc, ...others } = tableAt(parse(text), [...cri, 'runtimes']) ?? {};
  const isBuiltIn = Object.keys(others).length === 0 && sameToml(runc, newRuntime(containerdVersion(text)));
  return isBuiltIn ? removeTable(text, [...cri, 'runtimes', 'runc']) : text;
}

function newRuntime(version: number): TomlTable {
  return version === 1
    ? { runtime_type: runcShim, runtime_root: '', runtime_engine: '', privileged_without_host_devices: false }
    : { runtime_type: runcShim };
}
