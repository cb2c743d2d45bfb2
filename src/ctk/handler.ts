import { append, formatTable, removeTable, type TomlTable, tableAt } from '../text/toml-edit.js';
import {
  builtInRuntime,
  containerd,
  containerdVersion,
  copyOf,
  criPath,
  removeBuiltInRuntime,
} from './containerd.js';
import { configError } from './error.js';
import { sourcesOf } from './low-level.js';
import { parse } from './parse.js';

/**
 * A runtime of the CRI with a snapshotter of its own (containerd 1.7) for its containers, and for images that the
 * kubelet pulls for this runtime. A RuntimeClass of Kubernetes names it as `handler`.
 */
export interface Handler {
  name: string;
  snapshotter: string;
}

/** The table with the snapshotters that containerd 2 uses for pulls for handlers. */
const platforms = ['plugins', 'io.containerd.cri.v1.images', 'runtime_platforms'];

export function hasHandler(text: string, { name, snapshotter }: Handler): boolean {
  return tablesOf(text, name).every((path) => tableAt(parse(text), path)?.snapshotter === snapshotter);
}

/**
 * Returns the text with a copy of runc that has the snapshotter.
 *
 * @throws LayerhookError CTK_CONFIG if another runtime has the name
 */
export function addHandler(text: string, inherited: string, handler: Handler): string {
  const { name, snapshotter } = handler;
  if (hasHandler(text, handler)) return text;
  const [runtime, ...others] = tablesOf(text, name) as [string[], ...string[][]];
  const { options, ...settings } = copyOf(inherited, sourcesOf(containerd.read(inherited))[0]);
  const isPlain = Object.keys(options as TomlTable).length === 0;
  const table = { ...settings, snapshotter, ...(isPlain ? {} : { options }) };
  const withRuntime = append(append(text, builtInRuntime(text, inherited)), formatTable(runtime, table));
  return others.reduce((all, path) => append(all, formatTable(path, { snapshotter })), withRuntime);
}

/** @throws LayerhookError CTK_CONFIG if another runtime has the name */
export function assertNoOther(text: string, { name, snapshotter }: Handler): void {
  for (const path of tablesOf(text, name)) {
    const found = tableAt(parse(text), path);
    if (found !== undefined && found.snapshotter !== snapshotter)
      throw configError('', `it has another runtime ${name}: give another --runtime-handler`);
  }
}

/** @param namedRunc True if {@link addHandler} added the table of runc. */
export function removeHandler(text: string, name: string, namedRunc: boolean): string {
  const without = tablesOf(text, name).reduce(removeTable, text);
  return namedRunc ? removeBuiltInRuntime(without) : without;
}

/** True if the configuration names a runtime. Without one, containerd has its built-in runc. */
export function hasRuntimes(text: string): boolean {
  return tableAt(parse(text), [...criPath(text), 'runtimes']) !== undefined;
}

/** Returns the paths of the tables of a handler: the runtime, and in containerd 2 its pulls. */
export function tablesOf(text: string, name: string): string[][] {
  const runtime = [...criPath(text), 'runtimes', name];
  return containerdVersion(text) < 2 ? [runtime] : [runtime, [...platforms, name]];
}
