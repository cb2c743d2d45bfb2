import { isDeepStrictEqual } from 'node:util';
import {
  append,
  formatArrayTable,
  parseToml,
  plain,
  removeArrayTables,
  type TomlTable,
  tableAt,
} from '../text/toml-edit.js';

/**
 * Where containerd's transfer service (1.7 and later) is told which snapshotters it may unpack into. `ctr image import`, and from
 * 2.1 the CRI's pulls, use that service, and do without unpacking, or fail, if the snapshotter is not in its list.
 */
export const transferPath = ['plugins', 'io.containerd.transfer.v1.local'] as const;

/** How many layers are unpacked side by side if nobody has said. */
export const concurrentUnpacks = 4;

const listPath = [...transferPath, 'unpack_config'];

/** What it unpacks into without being told: a list takes the place of that. */
function defaultUnpacks(version: number): TomlTable[] {
  const overlayfs = unpackEntry('overlayfs');
  if (version < 4) return [overlayfs];
  return [overlayfs, { platform: 'linux(+erofs)', snapshotter: 'erofs', differ: 'erofs', optional: true }];
}

/** `linux` is the architecture of the machine. */
function unpackEntry(snapshotter: string): TomlTable {
  return { platform: 'linux', snapshotter, differ: 'walking' };
}

/** The text with an entry of ours behind those that are there, or that containerd would have without it. */
export function addUnpack(text: string, inherited: TomlTable, version: number, name: string): string {
  const entries = unpacksOf(parse(text));
  if (entries.some((entry) => isOurs(entry, name))) return text;
  const others = unpacksOf(inherited).filter((entry) => !isOurs(entry, name));
  const defaults = others.length > 0 ? others : defaultUnpacks(version);
  const added = [...(entries.length > 0 ? [] : defaults), unpackEntry(name)];
  return added.reduce((all, entry) => append(all, formatArrayTable(listPath, entry)), text);
}

/** The text without that entry, and if nothing was there before and since, without what else was added. */
export function removeUnpack(text: string, version: number, name: string, namedDefaults: boolean): string {
  const entries = unpacksOf(parse(text));
  const others = plain(entries.filter((entry) => !isOurs(entry, name)));
  const isAllOurs = namedDefaults && isDeepStrictEqual(others, defaultUnpacks(version));
  return removeArrayTables(text, listPath, (at) => isAllOurs || isOurs(entries[at], name));
}

/** Whether the transfer service may unpack into a snapshotter. */
export function isTransferTarget(values: TomlTable, name: string): boolean {
  return unpacksOf(values).some((entry) => isOurs(entry, name));
}

/** Whether there is a list. */
export function hasUnpacks(values: TomlTable): boolean {
  return unpacksOf(values).length > 0;
}

/** How many layers are unpacked side by side; https://github.com/containerd/containerd docs/transfer.md. */
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

function parse(text: string): TomlTable {
  return parseToml(text, (reason) => new Error(reason));
}
