import { dirname, join, resolve } from 'node:path';
import {
  append,
  formatDocument,
  formatTable,
  mergeTables,
  parseToml,
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
import type { AddedRuntime, EngineFormat, OtherFile, RuntimesFound } from './types.js';

const file = '/etc/containerd/config.toml';
const runcShim = 'io.containerd.runc.v2';

/** Where each version of the configuration has the runtimes of its CRI plugin; containerd's docs/PLUGINS.md. */
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
    const runtimes = Object.keys(tableAt(cri, ['runtimes']) ?? {}).map((name) => {
      const options = tableAt(cri, ['runtimes', name, 'options']);
      return [name, asString(options?.BinaryName ?? options?.Runtime)] as const;
    });
    return { runtimes: new Map(runtimes), defaultRuntime: asString(cri.default_runtime_name) };
  },
  add(text, added, inherited): string {
    const cri = criPath(text);
    const start = text.trim() === '' ? `${text}version = 2\n` : text;
    const path = [...cri, 'runtimes', added.name];
    const table = formatTable(path, runtimeTable(inherited, added));
    const withRuntime = append(append(removeTable(start, path), builtInRuntime(inherited)), table);
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
  // the last in its directory: what comes later would hide it
  dropIn: (configFile, name) => join(dirname(configFile), `conf.d/${name}.toml`),
  inherited: effective,
  dropInStart(text, whole, added) {
    const version = `version = ${containerdVersion(text)}\n`;
    if (containerdVersion(text) > 2) return version;
    // before 2 an import takes the place of a plugin's whole section, so all of it is copied here
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

/** The configuration with its imports, merged as its version merges them: plugin by plugin, or all tables. */
function effective(configFile: string, text: string, other?: OtherFile): string {
  const files = importsOf(text).flatMap((pattern) => {
    const expression = globPattern(configFile, pattern);
    const directory = dirname(resolve(dirname(configFile), pattern));
    return filesOf(directory, other).filter(({ file: name }) => expression.test(name));
  });
  if (files.length === 0) return text;
  const values = parse(text);
  const sections = containerdVersion(text) < 3 ? ['proxy_plugins', 'plugins'] : ['proxy_plugins'];
  const merged = files.reduce((under, each) => {
    const over = parse(each.text);
    return sections.reduce(
      (all, section) => {
        const both = { ...tableAt(under, [section]), ...tableAt(over, [section]) };
        return section in all ? withValue(all, [section], both) : all;
      },
      mergeTables(under, over),
    );
  }, values);
  // each file has a version of its own
  return formatDocument(withValue(merged, ['version'], values.version));
}

function importsOf(text: string): string[] {
  const { imports } = parse(text);
  return Array.isArray(imports) ? imports.filter((each) => typeof each === 'string') : [];
}

/** What an import stands for: an absolute path, or one beside the configuration, with `*` and `?`. */
function globPattern(configFile: string, pattern: string): RegExp {
  const path = resolve(dirname(configFile), pattern).replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${path.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
}

/** The version that a configuration says it has. Without one it is 1; an empty one is made with version 2. */
export function containerdVersion(text: string): number {
  if (text.trim() === '') return 2;
  const { version = 1 } = parse(text);
  if (typeof version === 'number' && version in criTables) return version;
  throw configError('', `its version ${String(version)} is none of ${Object.keys(criTables).join(', ')}`);
}

/** The path of the table with the CRI plugin's runtimes, `plugins` and the plugin's name first. */
export function criPath(text: string): readonly string[] {
  return criTables[containerdVersion(text)] as readonly string[];
}

/** What the new runtime is: a copy of runc with our program. */
function runtimeTable(text: string, { path }: AddedRuntime): TomlTable {
  const { options, ...settings } = copyOfRunc(text);
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
 * The table of runc, or else of the default runtime. SystemdCgroup is the default runtime's, since a node's runtimes must
 * agree about who manages cgroups.
 */
export function copyOfRunc(text: string): TomlTable {
  const version = containerdVersion(text);
  const cri = tableAt(parse(text), criPath(text)) ?? {};
  const defaultTable = tableAt(cri, ['runtimes', asString(cri.default_runtime_name) ?? 'runc']);
  const source = tableAt(cri, ['runtimes', 'runc']) ?? defaultTable ?? newRuntime(version);
  const { options, ...settings } = source;
  const systemdCgroup = tableAt(defaultTable, ['options'])?.SystemdCgroup;
  return {
    ...settings,
    runtime_type: settings.runtime_type || runcShim,
    options: {
      ...(systemdCgroup === undefined ? {} : { SystemdCgroup: systemdCgroup }),
      ...(options as TomlTable | undefined),
    },
  };
}

/**
 * The runtime that containerd has without being told, as text: as soon as a configuration names one runtime, it is
 * gone, and containerd's CRI plugin does not start without a default runtime.
 */
export function builtInRuntime(text: string): string {
  const cri = criPath(text);
  if (tableAt(parse(text), [...cri, 'runtimes']) !== undefined) return '';
  return formatTable([...cri, 'runtimes', 'runc'], newRuntime(containerdVersion(text)));
}

/** The text without that, if no other runtime is left. */
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

function parse(text: string): TomlTable {
  return parseToml(text, (reason) => configError('', reason));
}

function asString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
