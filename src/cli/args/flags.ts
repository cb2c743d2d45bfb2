import { LayerhookError } from '../../errors/index.js';
import { parsePlatform } from '../../image/platform.js';
import type { Platform } from '../../image/types.js';
import { type Compression, compressions } from '../../layer/compression/registry.js';
import type { IdRange, MapOptions } from '../../layer/types.js';
import type { OptionSpecs, OptionValues } from '../command.js';
import { parseBytes } from './parse-quantity.js';
import { usageError } from './usage.js';

/** Options that several commands share, and what they mean. */

export const imageFlag = {
  image: { value: 'PATH[:TAG]', required: true, describe: 'image layout and tag in it (default: latest)' },
} as const satisfies OptionSpecs;

export const layoutFlag = {
  layout: { value: 'PATH', required: true, describe: 'directory of an OCI image layout' },
} as const satisfies OptionSpecs;

export const platformFlag = {
  platform: {
    value: 'OS/ARCH[/VARIANT]',
    extension: true,
    describe: "which image of an index (default: the only one, else this machine's platform)",
  },
} as const satisfies OptionSpecs;

export const tagFlag = {
  tag: { value: 'TAG', describe: 'tag for the result (default: the tag of --image)' },
} as const satisfies OptionSpecs;

export const compressFlag = {
  compress: {
    value: 'ALGORITHM',
    describe: `compression of new layer blobs: auto (as the last layer), ${compressions.slice(0, -1).join(', ')} or ${compressions.at(-1)} (default: auto)`,
  },
} as const satisfies OptionSpecs;

export const holesFlag = {
  'max-holes': {
    value: 'SIZE',
    extension: true,
    describe: 'bytes of holes in sparse files that may be read as zeros (default: 64GiB)',
  },
} as const satisfies OptionSpecs;

export const storeFlag = {
  store: {
    value: 'DIR',
    extension: true,
    describe: 'directory where drivers keep layers (default: $LAYERHOOK_STORE, or that of hooks.toml)',
  },
} as const satisfies OptionSpecs;

/** Of commands on an existing bundle. */
export const bundleDriverFlag = {
  driver: {
    value: 'NAME',
    extension: true,
    describe:
      'storage driver, shipped or a module (default: that of the bundle, if shipped or in hooks.toml)',
  },
} as const satisfies OptionSpecs;

export const mapFlags = {
  'uid-map': {
    value: 'CONTAINER:HOST:SIZE',
    many: true,
    describe: 'range of user ids in the image and on this host',
  },
  'gid-map': {
    value: 'CONTAINER:HOST:SIZE',
    many: true,
    describe: 'range of group ids in the image and on this host',
  },
  rootless: { describe: 'work without privileges: no owners, no devices' },
} as const satisfies OptionSpecs;

export const historyFlags = {
  'no-history': { describe: 'add no history entry to the image config' },
  'history.author': {
    value: 'NAME',
    mayBeEmpty: true,
    describe: 'who made the layer (default: the author of the image)',
  },
  'history.comment': { value: 'TEXT', mayBeEmpty: true, describe: 'a comment on the layer' },
  'history.created': { value: 'TIME', describe: 'when it was made, as in RFC 3339 (default: now)' },
  'history.created_by': { value: 'TEXT', mayBeEmpty: true, describe: 'what made the layer' },
} as const satisfies OptionSpecs;

/**
 * The directory given with --layout. A colon would end it in `--image`, so it may have none, as in umoci.
 *
 * @throws LayerhookError USAGE
 */
export function readLayout(options: OptionValues<typeof layoutFlag>, command: string): string {
  const { layout } = options;
  if (!/[:\0]/.test(layout)) return layout;
  throw usageError(`--layout ${JSON.stringify(layout)} has a colon or NUL in it`, command);
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

/** Undefined if the flag is not given. @throws LayerhookError USAGE */
export function readMaxHoles(options: OptionValues<typeof holesFlag>, command: string): number | undefined {
  const size = options['max-holes'];
  return size === undefined ? undefined : parseBytes(size, '--max-holes', command);
}

/**
 * Id maps as umoci has them: with --rootless, a missing map means that the container's root is the caller.
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
 * The history entry asked for; false for none.
 *
 * @throws LayerhookError USAGE when --no-history comes with one of the others, or the time is no RFC 3339 time
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
    const reason = `--history.created ${created} is no time such as 2026-01-31T12:00:00Z`;
    throw usageError(reason, command);
  }
  const history: HistoryValues = {};
  for (const name of given) history[name === 'created_by' ? 'createdBy' : name] = options[`history.${name}`]!;
  return history;
}

function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))
  );
}

/**
 * SOURCE_DATE_EPOCH, seconds since the epoch; undefined when it is not set.
 *
 * @throws LayerhookError USAGE when it is no whole number
 */
export function readSourceDateEpoch(command: string): number | undefined {
  const value = process.env.SOURCE_DATE_EPOCH;
  if (value === undefined || value === '') return undefined;
  const seconds = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(seconds)) return seconds;
  throw usageError(`SOURCE_DATE_EPOCH=${value} is no number of seconds`, command);
}
