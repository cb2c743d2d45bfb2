import { counted } from './counted.js';
import { LayerhookError } from './error.js';

interface LimitRow {
  default: number;
  unit: 'bytes' | 'count';
  /** what is limited: a noun phrase for docs/security.md */
  of: string;
  /** an option of the command line with the same meaning as `--limit NAME=VALUE` */
  flag?: string;
}

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/**
 * All limits that an operator can change: `--limit NAME=VALUE`, `NAME = VALUE` in the table [limits] of hooks.toml, the option
 * `limits` of the library. docs/security.md lists the same rows.
 */
export const limitTable = {
  layers: row('layers of an image', 4096),
  images: row('images that a tag leads to', 100_000),
  indexes: row('indexes within indexes on the way to an image', 16),
  unpacked: row('uncompressed bytes of all layers of an image', 512 * GiB, 'bytes'),
  ratio: row('uncompressed bytes for each byte of the blobs, above 16 GiB', 250),
  entries: row('entries of all layers of an image, and directories without an entry', 1_000_000),
  'file-size': row('size of one file, holes included', 16 * 2 ** 40, 'bytes'),
  'header-size': row('one PAX header or GNU long name', MiB, 'bytes'),
  'header-bytes': row('PAX headers and GNU long names of all layers of an image', 4 * GiB, 'bytes'),
  'path-bytes': row(
    'paths of directories without an entry, of whiteouts and of long hardlinks, together',
    64 * MiB,
    'bytes',
  ),
  'link-steps': row('path components that symlinks add while the names of entries are resolved', 20_000_000),
  holes: row('holes of sparse files that are read as zeros', 64 * GiB, 'bytes', '--max-holes'),
  json: row('each JSON document; by default 32 MiB for index.json', 8 * MiB, 'bytes', '--max-json'),
  'zstd-window': row('window of a zstd layer, at most 2 GiB', 128 * MiB, 'bytes', '--zstd-window'),
  'tar-tail': row('bytes after the end of a tar that becomes a layer', 16 * MiB, 'bytes'),
  'hook-output': row('stdout of a program at delta-list', 64 * MiB, 'bytes'),
  'hook-answer': row('stdout of a program at other points', MiB, 'bytes'),
  'grpc-message': row('request to the snapshotter', 4 * MiB, 'bytes'),
} satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof limitTable;

/** Changed limits: bytes or counts by name. */
export type Limits = Readonly<Partial<Record<LimitName, number>>>;

/** True for a name of {@link limitTable}. */
export function isLimit(name: string): name is LimitName {
  return Object.hasOwn(limitTable, name);
}

/** Returns a limit, or its default. */
export function limitOf(limits: Limits | undefined, name: LimitName): number {
  return limits?.[name] ?? limitTable[name].default;
}

/** @param what the measured quantity and where, for the message */
export function overLimit(name: LimitName, what: string, limits: Limits | undefined): LayerhookError {
  const { unit } = limitTable[name];
  const value = limitOf(limits, name);
  const [shown, form] = unit === 'bytes' ? [counted(value, 'bytes'), 'SIZE'] : [value, 'N'];
  const limit = `${shown}, which --limit ${name}=${form} raises`;
  return new LayerhookError('LIMIT_EXCEEDED', { what, limit });
}

function row(of: string, value: number, unit: LimitRow['unit'] = 'count', flag?: string): LimitRow {
  return { of, default: value, unit, ...(flag !== undefined && { flag }) };
}
