import { isDeepStrictEqual } from 'node:util';
import {
  append,
  formatArrayTable,
  plain,
  removeArrayTables,
  type TomlTable,
  tableAt,
} from '../text/toml-edit.js';
import { parse } from './parse.js';

/**
 * The table of containerd's transfer service (1.7 and later), with the list of snapshotters that it may unpack into.
 * `ctr image import`, and from 2.1 the CRI's pulls, use that service. For a snapshotter that is not in the list they
 * skip unpacking, or fail.
 */
export const transferPath = ['plugins', 'io.containerd.transfer.v1.local'] as const;

/** Number of layers to unpack in parallel, unless the configuration sets another. */
export const concurrentUnpacks = 4;

const listPath = [...transferPath, 'unpack_config'];

/** Returns the default of the list: a list in the configuration replaces it. */
function defaultUnpacks(version: number): TomlTable[] {
  const overlayfs = unpackEntry('overlayfs');
  if (version < 4) return [overlayfs];
  return [overlayfs, { platform: 'linux(+erofs)', snapshotter: 'erofs', differ: 'erofs', optional: true }];
}

/** Returns an entry of the list. The platform `linux` means the architecture of the machine. */
function unpackEntry(snapshotter: string): TomlTable {
  return { platform: 'linux', snapshotter, differ: 'walking' };
}

/** Returns the text with our entry after the existing entries, or after containerd's default entries. */
export function addUnpack(text: string, inherited: TomlTable, version: number, name: string): string {
  const entries = unpacksOf(parse(text));
  if (entries.some((entry) => isOurs(entry, name))) return text;
  const others = unpacksOf(inherited).filter((entry) => !isOurs(entry, name));
  const defaults = others.length > 0 ? others : defaultUnpacks(version);
  const added = [...(entries.length > 0 ? [] : defaults), unpackEntry(name)];
  return added.reduce((all, entry) => append(all, formatArrayTable(listPath, entry)), text);
}

/** Returns the text without our entry, and without the default entries if only {@link addUnpack} added them. */
export function removeUnpack(text: string, version: number, name: string, namedDefaults: boolean): string {
  const entries = unpacksOf(parse(text));
  const others = plain(entries.filter((entry) => !isOurs(entry, name)));
  const isAllOurs = namedDefaults && isDeepStrictEqual(others, defaultUnpacks(version));
  return removeArrayTables(text, listPath, (at) => isAllOurs || isOurs(entries[at], name));
}

/** True if the transfer service may unpack into a snapshotter. */
export function isTransferTarget(values: TomlTable, name: string): boolean {
  return unpacksOf(values).some((entry) => isOurs(entry, name));
}

/** True if the configuration has a list. */
export function hasUnpacks(values: TomlTable): boolean {
  return unpacksOf(values).length > 0;
}

/** Returns how many layers are unpacked in parallel; https://github.com/containerd/containerd docs/transfer.md. */
export function unpacksAtOnce(values: TomlTable): number {
  const { max_concurrent_unpacks: number } = tableAt(values, transferPath) ?? {};
  return typeof number === 'number' ? number : 1;
}

function unpacksOf(values: TomlTable): TomlTable[] {
  const { unpack_config: entries } = tableAt(values, transferPath) ?? {};
  return Array.isArray(entries) ? entries : [];
}

function isOurs(entry: TomlTable | undefined, name: string): boolean {
  return entry?.snapshotter === name;
}
