import type { ErrorCode } from './table.js';

interface ClassRow {
  status: number;
  /** what happened, for docs/errors.md: a sentence without a full stop */
  means: string;
  /** the errors of this class, sorted */
  codes: readonly ErrorCode[];
}

/**
 * Classes of errors, each with the exit status of a command that ends with such an error. Status 1 is for the findings
 * of a check, and for an input over a limit, so that a script can tell "the images differ" from "the images cannot be read". 13 is missing: node exits with
 * it if the event loop is empty too early.
 */
export const exitClasses = {
  finding: row(
    1,
    'a check found something: differences, errors, broken rules, damaged layers, an input over a limit',
    ['LIMIT_EXCEEDED', 'MTREE_DIFFERENT', 'STORE_DAMAGED', 'UNHEALTHY'],
  ),
  usage: row(2, 'an option or argument is wrong', [
    'COMPRESSION_UNKNOWN',
    'DIRECTORY_INVALID',
    'ID_MAP_INVALID',
    'IMAGE_ELSEWHERE',
    'INDEX_REQUIRED',
    'PLATFORM_INVALID',
    'REFERENCE_INVALID',
    'SNAPSHOT_ARGUMENT',
    'USAGE',
  ]),
  'not-found': row(3, 'what the command line names does not exist', [
    'ARCHIVE_UPPERDIR',
    'BUNDLE_LAYOUT',
    'BUNDLE_NOT_FOUND',
    'FILE_NOT_FOUND',
    'IMAGE_FILE',
    'INDEX_ENTRY',
    'LAYER_NOT_FOUND',
    'LAYOUT_NOT_FOUND',
    'PLATFORM_NOT_FOUND',
    'REFERENCE_NOT_FOUND',
    'RUNTIME_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'STORE_LAYER_NOT_FOUND',
    'STORE_NOT_FOUND',
  ]),
  exists: row(4, 'what the command would create exists already', [
    'BUNDLE_EXISTS',
    'DIRECTORY_NOT_EMPTY',
    'LAYOUT_EXISTS',
    'SNAPSHOT_EXISTS',
  ]),
  damaged: row(5, 'an image, layer, bundle or store is malformed, incomplete or fails its verification', [
    'ARCHIVE_CONTAINER',
    'BLOB_DIGEST',
    'BLOB_MEDIA_TYPE',
    'BLOB_NOT_FOUND',
    'BLOB_SIZE',
    'BUNDLE_DAMAGED',
    'BUNDLE_INVALID',
    'COMPRESSION_CORRUPT',
    'DIFF_ID',
    'DIGEST_INVALID',
    'IMAGE_INVALID',
    'LAYER_ENTRY',
    'LAYER_TAR',
    'LAYOUT_INVALID',
    'MTREE_INVALID',
    'RUNTIME_SPEC',
    'SNAPSHOT_BROKEN',
    'STORE_INVALID',
    'TAR_INVALID',
  ]),
  busy: row(6, 'another process uses or changes what the command needs; try again later', [
    'BUNDLE_BUSY',
    'FILE_CHANGED',
    'SNAPSHOTTER_IN_USE',
  ]),
  hook: row(7, 'a hook or a driver failed', ['HOOK_FAILED', 'HOOK_RESULT', 'HOOK_TIMEOUT']),
  'no-space': row(8, 'a file system or quota is full', ['NO_SPACE']),
  config: row(9, 'a configuration file, hook or driver is set up wrongly', [
    'CONFIG_INVALID',
    'CONFIG_UNREADABLE',
    'CTK_CONFIG',
    'DRIVER_INVALID',
    'DRIVER_NOT_FOUND',
    'DRIVER_OPTION',
    'HOOK_INVALID',
    'HOOK_MISSING',
    'HOOK_UNKNOWN_POINT',
    'RUNTIME_HOOKS',
  ]),
  unsupported: row(10, 'this machine or this kind of image cannot do what the command needs', [
    'BTRFS_REQUIRED',
    'COMPRESSION_UNAVAILABLE',
    'CONTAINERD_VERSION',
    'IMAGE_UNWRITABLE',
    'LAYER_MEDIA_TYPE',
  ]),
  system: row(11, 'the operating system or another program refused an operation', [
    'ARCHIVE_DESTINATION',
    'LAYOUT_UNWRITABLE',
    'LISTEN',
    'MOUNT_FAILED',
    'PULL_FAILED',
    'RUNTIME_EXEC',
    'SYSTEM',
    'UNMOUNT_FAILED',
  ]),
  refused: row(12, 'a rule, or the state of the image, layer or bundle forbids the operation', [
    'BUNDLE_COPY',
    'BUNDLE_DRIVER',
    'DELTA_UNAVAILABLE',
    'ID_UNMAPPED',
    'LAYER_PATH',
    'REBASE',
    'REFERENCE_AMBIGUOUS',
    'SNAPSHOT_PRECONDITION',
    'STORE_LAYER_IN_USE',
  ]),
  warnings: row(20, '`validate` found warnings, but no errors', []),
  internal: row(70, 'layerhook has a bug', ['INTERNAL']),
  interrupted: row(130, 'a signal interrupted the command: 128 and the number of the signal', ['ABORTED']),
} satisfies Record<string, ClassRow>;

export type ErrorClass = keyof typeof exitClasses;

const classes = Object.entries(exitClasses) as [ErrorClass, ClassRow][];
const classOfCode = new Map(classes.flatMap(([name, { codes }]) => codes.map((code) => [code, name])));

/** Returns the class of an error. */
export function classOf(code: ErrorCode): ErrorClass {
  // test/errors/table.test.ts: each code has one class
  return classOfCode.get(code)!;
}

/** Returns the exit status of a command that ends with an error of `code`. */
export function exitStatusOf(code: ErrorCode): number {
  return exitClasses[classOf(code)].status;
}

function row(status: number, means: string, codes: readonly ErrorCode[]): ClassRow {
  return { status, means, codes };
}
