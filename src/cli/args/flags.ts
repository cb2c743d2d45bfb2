import { isLimit, LayerhookError, type LimitName, type Limits, limitTable } from '../../errors/index.js';
import { splitTransport } from '../../image/layout-name.js';
import { parsePlatform } from '../../image/platform.js';
import { isTime as hasTimeForm } from '../../image/time.js';
import type { Descriptor, Platform } from '../../image/types.js';
import { type Compression, compressions } from '../../layer/compression/registry.js';
import type { IdRange, MapOptions } from '../../layer/types.js';
import { didYouMean } from '../../text/nearest.js';
import { limitIn } from '../../text/quantity.js';
import type { OptionSpecs, OptionValues } from '../command.js';
import { parseBytes } from './parse-quantity.js';
import { usageError } from './usage.js';

/** Options that several commands share, and functions that read their values. */

/** Default socket of the snapshotter, for the daemon that serves it and for containerd's configuration. */
export const snapshotterSocket = '/run/layerhook/snapshotter.sock';

/** For commands that can find their image another way. */
export const optionalImageFlag = {
  image: {
    value: 'PATH[:TAG]',
    describe:
      'image layout (a directory, oci-archive:FILE or docker-archive:FILE), and a tag or @DIGEST in it (default: latest)',
  },
} as const satisfies OptionSpecs;

export const imageFlag = {
  image: { ...optionalImageFlag.image, required: true },
} as const satisfies OptionSpecs;

export const layoutFlag = {
  layout: {
    value: 'PATH',
    required: true,
    describe: 'OCI image layout: a directory, oci-archive:FILE or docker-archive:FILE',
  },
} as const satisfies OptionSpecs;

export const platformFlag = {
  platform: {
    value: 'OS/ARCH[/VARIANT]',
    extension: true,
    describe: "platform of the image in an index (default: the only one, else this machine's)",
  },
} as const satisfies OptionSpecs;

export const tagFlag = {
  tag: { value: 'TAG', describe: 'tag for the result (default: the tag of --image)' },
} as const satisfies OptionSpecs;

export const compressFlag = {
  compress: {
    value: 'ALGORITHM',
    describe: `compression of new layers: auto (same as the last layer), ${compressions.slice(0, -1).join(', ')} or ${compressions.at(-1)} (default: auto)`,
  },
} as const satisfies OptionSpecs;

export const holesFlag = {
  'max-holes': {
    value: 'SIZE',
    extension: true,
    describe: 'limit for the holes of sparse files, which are read as zeros (default: 64GiB)',
  },
} as const satisfies OptionSpecs;

export const limitFlag = {
  limit: {
    value: 'NAME=VALUE',
    many: true,
    extension: true,
    describe: 'change a limit of docs/security.md, such as entries=2000000',
  },
} as const satisfies OptionSpecs;

/** For commands that read images. */
export const limitFlags = {
  'max-json': {
    value: 'SIZE',
    extension: true,
    describe:
      'limit for each JSON document of the layout (default: 32MiB for index.json, 4MiB to 8MiB for others)',
  },
  ...limitFlag,
} as const satisfies OptionSpecs;

export const traceFlag = {
  trace: {
    value: 'FILE',
    extension: true,
    describe: 'write what each thread did to FILE, for Perfetto; an SVG drawing if FILE ends in .svg',
  },
} as const satisfies OptionSpecs;

export const storeFlag = {
  store: {
    value: 'DIR',
    extension: true,
    describe: 'directory of the layer store (default: $LAYERHOOK_STORE, else the one in hooks.toml)',
  },
} as const satisfies OptionSpecs;

/** For commands on an existing bundle. */
export const bundleDriverFlag = {
  driver: {
    value: 'NAME',
    extension: true,
    describe:
      'storage driver: a name or a module (default: the one of the bundle, if shipped or in hooks.toml)',
  },
} as const satisfies OptionSpecs;

export const mapFlags = {
  'uid-map': {
    value: 'CONTAINER:HOST:SIZE',
    many: true,
    describe: 'mapping of user IDs from the image to this host',
  },
  'gid-map': {
    value: 'CONTAINER:HOST:SIZE',
    many: true,
    describe: 'mapping of group IDs from the image to this host',
  },
  rootless: { describe: 'work without privileges: set no owners, create no devices' },
} as const satisfies OptionSpecs;

export const digestFileFlag = {
  digestfile: {
    value: 'FILE',
    extension: true,
    describe: 'write the digest of the manifest to FILE, as buildah and podman do',
  },
} as const satisfies OptionSpecs;

export const historyFlags = {
  'no-history': { describe: 'add no history entry to the image config' },
  'history.author': {
    value: 'NAME',
    mayBeEmpty: true,
    describe: 'author of the layer (default: the author of the image)',
  },
  'history.comment': { value: 'TEXT', mayBeEmpty: true, describe: 'comment on the layer' },
  'history.created': { value: 'TIME', describe: 'creation time of the layer, in RFC 3339 (default: now)' },
  'history.created_by': {
    value: 'TEXT',
    mayBeEmpty: true,
    describe: 'command that created the layer (default: this command)',
  },
} as const satisfies OptionSpecs;

/**
 * Returns the layout given with --layout. As in umoci, a colon in its name is an error: `--image` could not name such a
 * layout.
 *
 * @throws LayerhookError USAGE
 */
export function readLayout(options: OptionValues<typeof layoutFlag>, command: string): string {
  const { layout } = options;
  if (isLayoutPath(layout)) return layout;
  const expected = 'expected a path without a tag';
  throw usageError(`--layout ${JSON.stringify(layout)} contains a colon or NUL: ${expected}`, command);
}

/** True if a word can be the value of --layout. */
export function isLayoutPath(word: string): boolean {
  return word !== '' && !/[:\0]/.test(splitTransport(word).file);
}

/** @throws LayerhookError PLATFORM_INVALID */
export function readPlatform({ platform }: OptionValues<typeof platformFlag>): { platform?: Platform } {
  return platform === undefined ? {} : { platform: parsePlatform(platform) };
}

/** @throws LayerhookError COMPRESSION_UNKNOWN */
export function readCompress(options: OptionValues<typeof compressFlag>): 'auto' | Compression {
  const value = options.compress ?? 'auto';
  if (value === 'auto') return value;
  const found = compressions.find((name) => name === value);
  const choices = ['auto', ...compressions].join(', ');
  if (found === undefined) throw new LayerhookError('COMPRESSION_UNKNOWN', { value, choices });
  return found;
}

/** Writes the digest without a newline, as buildah does. @throws LayerhookError NO_SPACE, SYSTEM */
export async function writeDigestFile(
  { digestfile }: OptionValues<typeof digestFileFlag>,
  { digest }: Pick<Descriptor, 'digest'>,
  signal: AbortSignal,
): Promise<void> {
  if (digestfile === undefined) return;
  const { writeOutput } = await import('../files/output.js');
  await writeOutput(digestfile, digest, signal);
}

/** Returns bytes, or undefined without --max-holes. @throws LayerhookError USAGE */
export function readMaxHoles(options: OptionValues<typeof holesFlag>, command: string): number | undefined {
  const size = options['max-holes'];
  return size === undefined ? undefined : parseBytes(size, '--max-holes', command);
}

/** Returns the changed limits. @throws LayerhookError USAGE */
export function readLimits(
  options: OptionValues<typeof limitFlag> & Partial<OptionValues<typeof limitFlags>>,
  command: string,
): { maxJson?: number; limits: Limits } {
  const { limit, 'max-json': size } = options;
  const limits: Record<string, number> = {};
  for (const text of limit) {
    const [name, value] = readLimit(text, command);
    limits[name] = value;
  }
  return size === undefined ? { limits } : { maxJson: parseBytes(size, '--max-json', command), limits };
}

function readLimit(text: string, command: string): [name: LimitName, value: number] {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (!isLimit(name)) {
    const meant = didYouMean(name, Object.keys(limitTable));
    const expected = `expected NAME=VALUE${meant}; docs/security.md lists the names`;
    throw usageError(`invalid --limit ${text}: ${expected}`, command);
  }
  const number = limitIn(name, value);
  if (number !== undefined) return [name, number];
  const form = limitTable[name].unit === 'bytes' ? 'a size such as 10GiB' : 'a whole number';
  throw usageError(`invalid --limit ${text}: expected ${form}`, command);
}

/**
 * Returns the ID maps. As in umoci, the default with --rootless maps the container's root to the calling user.
 *
 * @throws LayerhookError ID_MAP_INVALID
 */
export function readMap(options: OptionValues<typeof mapFlags>): MapOptions {
  const { rootless } = options;
  const own = (id: number) => (rootless ? [{ containerID: 0, hostID: id, size: 1 }] : []);
  const uidMappings = options['uid-map'].map(parseIdRange);
  const gidMappings = options['gid-map'].map(parseIdRange);
  return {
    uidMappings: uidMappings.length > 0 ? uidMappings : own(process.geteuid!()),
    gidMappings: gidMappings.length > 0 ? gidMappings : own(process.getegid!()),
    rootless,
  };
}

function parseIdRange(value: string): IdRange {
  const numbers = value.split(':').map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  const [containerID, hostID, size = 1] = numbers;
  const valid = numbers.length >= 2 && numbers.length <= 3 && numbers.every((id) => id < 2 ** 32);
  if (!valid || containerID === undefined || hostID === undefined) {
    throw new LayerhookError('ID_MAP_INVALID', { value });
  }
  return { containerID, hostID, size };
}

export interface HistoryValues {
  author?: string;
  comment?: string;
  /** RFC 3339 */
  created?: string;
  createdBy?: string;
}

/**
 * Returns the values of the history entry, or false with --no-history.
 *
 * @throws LayerhookError USAGE if --no-history comes with a --history option, or the time is not RFC 3339
 */
export function readHistory(
  options: OptionValues<typeof historyFlags>,
  command: string,
): HistoryValues | false {
  const given = (['author', 'comment', 'created', 'created_by'] as const).filter(
    (name) => options[`history.${name}`] !== undefined,
  );
  if (options['no-history']) {
    if (given.length === 0) return false;
    const reason = `--no-history and --history.${given[0]} may not be specified together`;
    throw usageError(reason, command);
  }
  const created = options['history.created'];
  if (created !== undefined && !isTime(created)) {
    const reason = `--history.created ${created} is malformed; write a time such as 2026-01-31T12:00:00Z`;
    throw usageError(reason, command);
  }
  const history: HistoryValues = {};
  for (const name of given) history[name === 'created_by' ? 'createdBy' : name] = options[`history.${name}`]!;
  return history;
}

/** True for an RFC 3339 time. */
export function isTime(text: string): boolean {
  return hasTimeForm(text) && !Number.isNaN(Date.parse(text));
}

/**
 * Returns SOURCE_DATE_EPOCH, seconds since the epoch; undefined if it is not set.
 *
 * @throws LayerhookError USAGE unless it is a whole number
 */
export function readSourceDateEpoch(command: string): number | undefined {
  const value = process.env.SOURCE_DATE_EPOCH;
  if (value === undefined || value === '') return undefined;
  const seconds = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw usageError(`SOURCE_DATE_EPOCH=${value} is not a whole number of seconds`, command);
}
