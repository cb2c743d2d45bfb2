import { append, formatTable, parseToml, removeTable, type TomlTable, tableAt } from '../text/toml-edit.js';
import {
  builtInRuntime,
  containerdVersion,
  copyOfRunc,
  criPath,
  removeBuiltInRuntime,
} from './containerd.js';
import { configError } from './error.js';

/**
 * A runtime of the CRI whose containers, and whose images where the kubelet names it, are kept by a snapshotter of its own
 * (containerd 1.7): what a RuntimeClass of Kubernetes asks for by `handler`.
 */
export interface Handler {
  name: string;
  snapshotter: string;
}

/** Where containerd 2 has the snapshotters of handlers, for pulls. */
const platforms = ['plugins', 'io.containerd.cri.v1.images', 'runtime_platforms'];

export function hasHandler(text: string, { name, snapshotter }: Handler): boolean {
  return tablesOf(text, name).every((path) => tableAt(parse(text), path)?.snapshotter === snapshotter);
}

/**
 * The text with a copy of runc that has the snapshotter.
 *
 * @throws LayerhookError CTK_CONFIG if there is another of that name
 */
export function addHandler(text: string, inherited: string, handler: Handler): string {
  const { name, snapshotter } = handler;
  if (hasHandler(text, handler)) return text;
  const [runtime, ...others] = tablesOf(text, name) as [string[], ...string[][]];
  const { options, ...settings } = copyOfRunc(inherited);
  const isPlain = Object.keys(options as TomlTable).length === 0;
  const table = { ...settings, snapshotter, ...(isPlain ? {} : { options }) };
  const withRuntime = append(append(text, builtInRuntime(inherited)), formatTable(runtime, table));
  return others.reduce((all, path) => append(all, formatTable(path, { snapshotter })), withRuntime);
}

/** @throws LayerhookError CTK_CONFIG if there is another handler of that name */
export function assertNoOther(text: string, { name, snapshotter }: Handler): void {
  for (const path of tablesOf(text, name)) {
    const found = tableAt(parse(text), path);
    if (found !== undefined && found.snapshotter !== snapshotter)
      throw configError('', `it has another runtime ${name}: choose another --runtime-handler`);
  }
}

/** @param namedRunc whether runc was not named before */
export function removeHandler(text: string, name: string, namedRunc: boolean): string {
  const without = tablesOf(text, name).reduce(removeTable, text);
  return namedRunc ? removeBuiltInRuntime(without) : without;
}

/** Whether any runtime is named: containerd has runc alone if not. */
export function hasRuntimes(text: string): boolean {
  return tableAt(parse(text), [...criPath(text), 'runtimes']) !== undefined;
}

/** The tables that change, of a runtime and of its pulls. */
export function tablesOf(text: string, name: string): string[][] {
  const runtime = [...criPath(text), 'runtimes', name];
  return containerdVersion(text) < 2 ? [runtime] : [runtime, [...platforms, name]];
}

function parse(text: string) {
  return parseToml(text, (reason) => configError('', reason));
}
