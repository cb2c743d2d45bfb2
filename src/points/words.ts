import type { Descriptor, Digest, ImageConfig, Manifest } from '../image/types.js';
import type { OverlayFormat } from '../layer/overlay-marks.js';
import type {
  AppliedLayer,
  Change,
  ChangeKind,
  EntryList,
  MapOptions,
  OverlayXattr,
  Usage,
} from '../layer/types.js';
import type { ByteString } from '../system/bytes.js';
import type { Logger } from '../system/logger.js';
import { encodeName } from '../text/json-names.js';
import type {
  ArchiveMethod,
  ArchiveWhiteout,
  HookState,
  ImageLayer,
  PreExtractResult,
  RefreshContext,
} from './points.js';

/** The words that table.ts has for types, each with the TypeScript type that it stands for. */
export interface TypeWords {
  AbortSignal: AbortSignal;
  Logger: Logger;
  function: (file: string) => Promise<Usage>;
  'function of lowerdirs': (lowerdirs: readonly string[]) => Promise<AppliedLayer>;
  'function of nothing': () => Promise<void>;
  'function of entries': (entries: EntryList) => Promise<void>;
  string: string;
  path: string;
  'path or null': string | null;
  digest: Digest;
  'digest or null': Digest | null;
  boolean: boolean;
  integer: number;
  into: PreExtractResult['into'];
  argv: [string, ...string[]];
  'entries or null': EntryList | null;
  whiteouts: 'overlay';
  'whiteouts or null': 'overlay' | null;
  'overlay xattr': OverlayXattr;
  'overlay format': OverlayFormat;
  'archive method': ArchiveMethod;
  'archive whiteout': ArchiveWhiteout;
  kind: ChangeKind;
  name: ByteString;
  paths: string[];
  names: string[];
  digests: Digest[];
  'digests or null': Digest[] | null;
  map: MapOptions;
  descriptor: Descriptor;
  manifest: Manifest;
  'image config': ImageConfig;
  applied: AppliedLayer;
  'image layers': ImageLayer[];
  'hook state': HookState;
  changes: Change[];
  'new layer or null': RefreshContext['layer'];
  labels: Record<string, string>;
  object: Record<string, unknown>;
}

export type TypeWord = keyof TypeWords;

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** The words that stand for exactly the type `T`. */
export type WordFor<T> = { [W in TypeWord]: Equal<TypeWords[W], T> extends true ? W : never }[TypeWord];

interface WordRow<T> {
  /** for the documentation */
  says: string;
  /**
   * Where a field of this type stands in the JSON of an exec hook: simple values come first, lists second,
   * and documents, which hold data of the image, last; `none` is not sent.
   */
  shape: 'none' | 'simple' | 'list' | 'document';
  /** whether a result may have this value; only for words that results use */
  accepts?: (value: unknown) => boolean;
  /** returns the value for JSON; default: unchanged */
  encode?: (value: T) => unknown;
}

export const typeWords: { readonly [W in TypeWord]: WordRow<TypeWords[W]> } = {
  AbortSignal: { says: 'an AbortSignal; only function and module hooks have it', shape: 'none' },
  Logger: {
    says: 'an object with debug, info, warn, error; only function and module hooks have it',
    shape: 'none',
  },
  function: { says: 'a function; only function and module hooks have it', shape: 'none' },
  'function of lowerdirs': { says: 'a function; only function and module hooks have it', shape: 'none' },
  'function of nothing': { says: 'a function; only function and module hooks have it', shape: 'none' },
  'function of entries': {
    says: 'a function; only function and module hooks can give it',
    shape: 'none',
    accepts: (value) => typeof value === 'function',
  },
  string: { says: 'a string', shape: 'simple', accepts: (value) => typeof value === 'string' },
  path: { says: 'an absolute path', shape: 'simple', accepts: isAbsolutePath },
  'path or null': { says: 'an absolute path, or null', shape: 'simple' },
  digest: { says: 'a digest, `sha256:` and 64 hex digits or `sha512:` and 128', shape: 'simple' },
  'digest or null': { says: 'a digest, or null', shape: 'simple' },
  boolean: { says: '`true` or `false`', shape: 'simple', accepts: (value) => typeof value === 'boolean' },
  integer: { says: 'a whole number, 0 or more', shape: 'simple', accepts: isCount },
  into: { says: '`"rootfs"`, `"directory"`, `"tar"` or `"command"`', shape: 'simple' },
  argv: { says: 'a list: a program and its arguments', shape: 'list', accepts: isArgv },
  'entries or null': {
    says: 'an async iterable of [entries](#entries), or null; for a program the path of a file with one entry a line',
    shape: 'simple',
    encode: (entries) => entries?.file ?? null,
  },
  whiteouts: { says: '`"overlay"`: as overlayfs reads them', shape: 'simple', accepts: isOneOf('overlay') },
  'whiteouts or null': { says: '`"overlay"`, or null', shape: 'simple' },
  'overlay xattr': {
    says: '`"trusted"` or `"user"`',
    shape: 'simple',
    accepts: isOneOf('trusted', 'user'),
  },
  'overlay format': { says: '`"trusted"`, `"user"` or `"fuse"`', shape: 'simple' },
  'archive method': {
    says: '`"copy"`, `"tar"`, `"tar.gz"`, `"tar.zst"` or `"oci"`',
    shape: 'simple',
  },
  'archive whiteout': { says: '`"overlay"` or `"oci"`', shape: 'simple' },
  kind: {
    says: '`"add"`, `"modify"` or `"delete"`',
    shape: 'simple',
    accepts: isOneOf('add', 'modify', 'delete'),
  },
  name: { says: 'a path relative to rootfs, in bytes', shape: 'simple' },
  paths: { says: 'a list of absolute paths', shape: 'list' },
  names: { says: 'a list of strings', shape: 'list' },
  digests: { says: 'a list of digests', shape: 'list' },
  'digests or null': { says: 'a list of digests, or null', shape: 'list' },
  map: { says: '`{uidMappings, gidMappings, rootless}`, mappings as in the runtime-spec', shape: 'document' },
  descriptor: { says: 'a descriptor, image-spec descriptor.md', shape: 'document' },
  manifest: { says: 'a manifest, image-spec manifest.md', shape: 'document' },
  'image config': { says: 'an image config, image-spec config.md', shape: 'document' },
  applied: {
    says: '`{digest, diffID, bytes, entries, unsettled: {implicitDirectories, hidingDirectories, whiteouts, lowerHardlinks, assumedDirectories, assumedMissing, refused}}`',
    shape: 'document',
    encode: encodeApplied,
  },
  'image layers': {
    says: 'a list of `{descriptor, diffID, chainID, treeID, blob, blobOffset}`',
    shape: 'document',
  },
  'hook state': { says: 'a JSON object', shape: 'document' },
  changes: {
    says: 'a list of `{path, kind}`',
    shape: 'document',
    encode: (changes) => changes.map(({ path, kind }) => ({ ...encodeName('path', path), kind })),
  },
  'new layer or null': { says: '`{descriptor, diffID, chainID}`, or null', shape: 'document' },
  labels: { says: 'an object of strings', shape: 'document' },
  object: {
    says: 'a JSON object',
    shape: 'document',
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
};

function encodeApplied({ unsettled, ...applied }: AppliedLayer): unknown {
  const encode = (paths: ByteString[]) => paths.map((path) => encodeName('path', path));
  return {
    ...applied,
    unsettled: {
      implicitDirectories: encode(unsettled.implicitDirectories),
      hidingDirectories: encode(unsettled.hidingDirectories),
      whiteouts: encode(unsettled.whiteouts),
      assumedDirectories: encode(unsettled.assumedDirectories),
      assumedMissing: encode(unsettled.assumedMissing),
      refused: unsettled.refused,
      lowerHardlinks: unsettled.lowerHardlinks.map(({ path, target }) => ({
        ...encodeName('path', path),
        ...encodeName('target', target),
      })),
    },
  };
}

function isAbsolutePath(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.startsWith('/') &&
    !value.includes('\0') &&
    !/(^|\/)\.\.(\/|$)/.test(value)
  );
}

function isArgv(value: unknown): boolean {
  const isWord = (word: unknown) => typeof word === 'string' && !word.includes('\0');
  return Array.isArray(value) && value.length > 0 && value[0] !== '' && value.every(isWord);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isOneOf(...values: string[]): (value: unknown) => boolean {
  return (value) => values.includes(value as string);
}
