import { isDeepStrictEqual } from 'node:util';
import {
  append,
  formatTable,
  plain,
  removeTable,
  removeValue,
  setValue,
  type TomlTable,
  tableAt,
} from '../text/toml-edit.js';
import { containerd, containerdVersion } from './containerd.js';
import { configError } from './error.js';
import type { FileChange } from './files.js';
import {
  addHandler,
  assertNoOther,
  type Handler,
  hasHandler,
  hasRuntimes,
  removeHandler,
  tablesOf,
} from './handler.js';
import { parse } from './parse.js';
import { planAddition, planRemoval, readAgain } from './plan.js';
import {
  addUnpack,
  concurrentUnpacks,
  hasUnpacks,
  isTransferTarget,
  removeUnpack,
  transferPath,
  unpacksAtOnce,
} from './transfer.js';
import type { Addition, Former, Presence } from './types.js';

/** The proxy snapshotter to add to containerd. */
export interface AddedSnapshotter {
  name: string;
  /** absolute path of its socket */
  address: string;
  /** absolute path of its store, whose disk usage the kubelet measures */
  root: string;
  /** parallel unpack of containerd 2.2: capability `rebase` */
  parallelUnpack: boolean;
  /** containerd 2 maps owners by id-mapped mounts: capability `remap-ids` */
  remapIds: boolean;
  /** True if images of the CRI go there. */
  isCriDefault: boolean;
  /** a runtime of the CRI whose containers go there, for a RuntimeClass */
  runtimeHandler?: string | undefined;
  /** True if snapshots get labels with their image and blob. */
  imageLabels: boolean;
}

type Path = readonly string[];

/** A value that is set outside the snapshotter's own table. */
interface Setting {
  table: Path;
  key: string;
  value: string | number | boolean;
}

/** The former values that the record keeps. */
interface FormerSettings {
  /** by the JSON of their paths; `before` is null if the value was missing */
  settings: Record<string, { ours: unknown; before: unknown }>;
  handler: string | null;
  namedRunc: boolean;
  /** True if containerd's default entries were written out together with ours. */
  namedDefaults: boolean;
}

const cri: Path = ['plugins', 'io.containerd.grpc.v1.cri', 'containerd'];
const criImages: Path = ['plugins', 'io.containerd.cri.v1.images'];

/**
 * The tables that name the CRI's snapshotter in each version. containerd 2 reads version 2 too, but ignores the old table
 * unless it names runtimes. So both tables are written; containerd 1 ignores the second.
 */
const criTables: Readonly<Record<number, readonly Path[]>> = {
  1: [['plugins', 'cri', 'containerd']],
  2: [cri, criImages],
  3: [criImages],
  4: [criImages],
};

/**
 * Returns the files to write so that containerd gets a proxy snapshotter;
 * https://github.com/containerd/containerd docs/PLUGINS.md.
 *
 * @param file containerd's config.toml
 * @param dropIn True to write a drop-in file beside it.
 * @throws LayerhookError CTK_CONFIG if the configuration cannot be changed
 */
export function planSnapshotter(file: string, added: AddedSnapshotter, dropIn: boolean): FileChange[] {
  return planAddition({ format: containerd, file }, snapshotterAddition(added), { dropIn });
}

/**
 * Returns the files to write so that containerd loses a proxy snapshotter. Former values are restored.
 *
 * @throws LayerhookError CTK_CONFIG
 */
export function planRemoveSnapshotter(file: string, name: string): FileChange[] {
  return planRemoval({ format: containerd, file }, snapshotterPresence(name));
}

/** Returns the path of a snapshotter's drop-in file, which sorts after the one of a runtime. */
export function snapshotterDropIn(file: string, name: string): string {
  return containerd.dropIn!(file, snapshotterPresence(name).dropInName);
}

function snapshotterAddition(added: AddedSnapshotter): Addition {
  const { name, runtimeHandler } = added;
  return {
    ...snapshotterPresence(name),
    isAsAsked(text) {
      const values = parse(text);
      return (
        isDeepStrictEqual(plain(tableAt(values, proxyPath(name))), plain(proxyTable(added))) &&
        settingsOf(text, added).every((setting) => isSet(values, setting)) &&
        (containerdVersion(text) < 2 || isTransferTarget(values, name)) &&
        (runtimeHandler === undefined || hasHandler(text, handlerOf(runtimeHandler, name)))
      );
    },
    add(text, inherited) {
      const start = text.trim() === '' ? `${text}version = 2\n` : text;
      assertFree(start, name);
      if (runtimeHandler !== undefined) assertNoOther(start, handlerOf(runtimeHandler, name));
      return readAgain(() => addAll(start, added, inherited));
    },
    former: (text, old) => formerOf(text, added, old as FormerSettings | undefined),
    tables: (text) => [
      ...settingsOf(text, added).map(({ table }) => table),
      ...(runtimeHandler === undefined ? [] : tablesOf(text, runtimeHandler)),
      transferPath,
    ],
  };
}

function addAll(text: string, added: AddedSnapshotter, inherited: string): string {
  const path = proxyPath(added.name);
  const withProxy = append(removeTable(text, path), formatTable(path, proxyTable(added)));
  const settings = [...settingsOf(text, added), ...unpacksSetting(text, added, inherited)];
  const { name, runtimeHandler } = added;
  const withHandler =
    runtimeHandler === undefined
      ? withProxy
      : addHandler(withProxy, inherited, handlerOf(runtimeHandler, name));
  const withSettings = settings.reduce((all, setting) => {
    const { table, key, value } = setting;
    return isSet(parse(all), setting) ? all : setValue(all, table, key, value);
  }, withHandler);
  const version = containerdVersion(text);
  return version < 2 ? withSettings : addUnpack(withSettings, parse(inherited), version, name);
}

function snapshotterPresence(name: string): Presence {
  return {
    key: `snapshotter ${name}`,
    dropInName: `zzz-${name}-snapshotter`,
    isThere(text) {
      const values = parse(text);
      return (
        tableAt(values, proxyPath(name)) !== undefined ||
        criSnapshotters(text).includes(name) ||
        isTransferTarget(values, name)
      );
    },
    remove: (text, former) => remove(text, name, former as FormerSettings | undefined),
  };
}

function remove(text: string, name: string, former: FormerSettings | undefined): string {
  const withoutProxy = removeTable(text, proxyPath(name));
  const rest = former?.handler ? removeHandler(withoutProxy, former.handler, former.namedRunc) : withoutProxy;
  const withoutUnpack = removeUnpack(rest, containerdVersion(rest), name, former?.namedDefaults === true);
  const settings = {
    ...Object.fromEntries(criSettings(rest, name).map((setting) => [keyOf(setting), { ours: name }])),
    ...former?.settings,
  } as FormerSettings['settings'];
  return Object.entries(settings).reduce((all, [path, { ours, before }]) => {
    const { table, key } = settingAt(path);
    if (tableAt(parse(all), table)?.[key] !== ours) return all;
    if (before !== undefined && before !== null) return setValue(all, table, key, before);
    const left = removeValue(all, table, key);
    return Object.keys(tableAt(parse(left), table) ?? {}).length === 0 ? removeTable(left, table) : left;
  }, withoutUnpack);
}

function formerOf(text: string, added: AddedSnapshotter, old: FormerSettings | undefined): Former {
  const values = parse(text);
  const before = [...settingsOf(text, added), ...unpacksSetting(text, added)].map((setting) => {
    const value = tableAt(values, setting.table)?.[setting.key] ?? null;
    // a value that already names the snapshotter is not a former value
    return [keyOf(setting), { ours: setting.value, before: value === added.name ? null : value }];
  });
  return {
    settings: { ...Object.fromEntries(before), ...old?.settings },
    handler: added.runtimeHandler ?? old?.handler ?? null,
    namedRunc: old?.namedRunc || !hasRuntimes(text),
    namedDefaults: old?.namedDefaults || !hasUnpacks(values),
  };
}

function settingsOf(text: string, { name, isCriDefault, imageLabels }: AddedSnapshotter): Setting[] {
  const version = containerdVersion(text);
  const [criTable] = criTables[version] as [Path];
  const settings: Setting[] = isCriDefault ? criSettings(text, name) : [];
  if (imageLabels && version < 3)
    settings.push({ table: criTable, key: 'disable_snapshot_annotations', value: false });
  return settings;
}

/** Returns the setting for parallel unpack: by default, containerd's transfer service unpacks one layer after the other. */
function unpacksSetting(text: string, { parallelUnpack }: AddedSnapshotter, inherited = text): Setting[] {
  const isConfigured = [text, inherited].some((each) => unpacksAtOnce(parse(each)) > 1);
  if (!parallelUnpack || isConfigured || containerdVersion(text) < 2) return [];
  return [{ table: transferPath, key: 'max_concurrent_unpacks', value: concurrentUnpacks }];
}

function criSettings(text: string, name: string): Setting[] {
  const tables = criTables[containerdVersion(text)] as readonly Path[];
  return tables.map((table) => ({ table, key: 'snapshotter', value: name }));
}

/** Returns the names of the CRI's snapshotters in the tables that name one. */
export function criSnapshotters(text: string): unknown[] {
  return criSettings(text, '').map(({ table, key }) => tableAt(parse(text), table)?.[key]);
}

/** True if the transfer service may unpack into a snapshotter. */
export function isUnpackedInto(text: string, name: string): boolean {
  return isTransferTarget(parse(text), name);
}

/** Returns the table of a proxy snapshotter; undefined if it is missing. */
export function proxyOf(text: string, name: string): TomlTable | undefined {
  return tableAt(parse(text), proxyPath(name));
}

function proxyTable({ address, root, parallelUnpack, remapIds, imageLabels }: AddedSnapshotter): TomlTable {
  const capabilities = [...(parallelUnpack ? ['rebase'] : []), ...(remapIds ? ['remap-ids'] : [])];
  return {
    type: 'snapshot',
    address,
    ...(capabilities.length === 0 ? {} : { capabilities }),
    exports: { root, ...(imageLabels ? { enable_remote_snapshot_annotations: 'true' } : {}) },
  };
}

function handlerOf(name: string, snapshotter: string): Handler {
  return { name, snapshotter };
}

/** @throws LayerhookError CTK_CONFIG if a plugin of another kind has the name */
function assertFree(text: string, name: string): void {
  const { type = 'snapshot' } = tableAt(parse(text), proxyPath(name)) ?? {};
  if (type === 'snapshot') return;
  throw configError('', `its proxy_plugins.${name} is of type ${String(type)}: give another --name`);
}

function isSet(values: TomlTable, { table, key, value }: Setting): boolean {
  return tableAt(values, table)?.[key] === value;
}

function keyOf({ table, key }: Setting): string {
  return JSON.stringify([...table, key]);
}

function settingAt(path: string): { table: Path; key: string } {
  const keys = JSON.parse(path) as string[];
  return { table: keys.slice(0, -1), key: keys.at(-1) as string };
}

function proxyPath(name: string): Path {
  return ['proxy_plugins', name];
}
