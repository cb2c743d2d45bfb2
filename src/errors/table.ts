/**
 * Every error that layerhook can end with: one row a code, sorted by code.
 *
 * - `message`: one line; `{name}` is filled from the error's details
 * - `hint`: what would be right, one line
 * - `exit`: the exit status of the command line
 *
 * docs/errors.md lists the same rows; test/errors/table.test.ts compares the two.
 */
export const errorTable = {
  ABORTED: {
    message: '{what} was interrupted',
    hint: 'nothing half done was left behind; run it again',
    exit: 130,
  },
  ARCHIVE_CONTAINER: {
    message: 'nothing can be archived: {reason}',
    hint: 'archive_overlay is a poststop hook: the OCI runtime gives it the state of the container; docs/archive-overlay.md',
    exit: 1,
  },
  ARCHIVE_DESTINATION: { message: 'cannot archive to {path}: {reason}', hint: '{expected}', exit: 1 },
  ARCHIVE_UPPERDIR: {
    message: 'no upperdir of {mountPoint} to archive: {reason}',
    hint: 'the mount point must be the destination of an overlay mount of the container, with rw=true',
    exit: 1,
  },
  BLOB_DIGEST: {
    message: 'blob {digest} in {path} is corrupt: its content hashes to {actual}',
    hint: 'fetch the image again; the layout holds other bytes than its index says',
    exit: 1,
  },
  BLOB_MEDIA_TYPE: {
    message: 'blob {digest} says mediaType {actual}, its descriptor says {expected}',
    hint: 'the image is inconsistent (CVE-2021-41190); do not trust it',
    exit: 1,
  },
  BLOB_NOT_FOUND: {
    message: 'blob {digest} is not in {path}',
    hint: 'the layout is incomplete; copy the image again',
    exit: 1,
  },
  BLOB_SIZE: {
    message: 'blob {digest} has {actual} bytes, its descriptor says {expected}',
    hint: 'the layout is corrupt; copy the image again',
    exit: 1,
  },
  BTRFS_REQUIRED: {
    message: 'the btrfs driver cannot use {path}: {reason}',
    hint: 'store and bundle must be on one btrfs; choose a store with --store, or another driver',
    exit: 1,
  },
  BUNDLE_BUSY: { message: 'bundle {path} is in use: {reason}', hint: '{expected}', exit: 1 },
  BUNDLE_COPY: {
    message: 'bundle {path} is a copy: the store keeps its changes for {owner}',
    hint: '{expected}',
    exit: 1,
  },
  BUNDLE_DRIVER: {
    message: 'bundle {path} names the driver {name}, which is not used: {reason}',
    hint: '{expected}',
    exit: 1,
  },
  BUNDLE_EXISTS: {
    message: 'bundle {path} already has a {what}',
    hint: 'name a bundle directory that does not exist, or remove it first',
    exit: 1,
  },
  BUNDLE_INVALID: {
    message: 'bundle {path} cannot be used: {reason}',
    hint: 'unpack the image again into a new bundle',
    exit: 1,
  },
  BUNDLE_NOT_FOUND: {
    message: 'no bundle at {path}: {reason}',
    hint: 'make one with: layerhook unpack --image LAYOUT:TAG BUNDLE',
    exit: 1,
  },
  COMPRESSION_CORRUPT: {
    message: 'layer {digest}: {format} stream is corrupt: {reason}',
    hint: 'copy the image again',
    exit: 1,
  },
  COMPRESSION_UNAVAILABLE: {
    message: '{format} is not available: {reason}',
    hint: '{expected}',
    exit: 1,
  },
  COMPRESSION_UNKNOWN: {
    message: 'unknown compression {value}',
    hint: 'use one of {choices}',
    exit: 1,
  },
  CONFIG_INVALID: { message: '{file}:{line}: {reason}', hint: '{expected}', exit: 1 },
  CONFIG_UNREADABLE: {
    message: 'cannot read {file}: {reason}',
    hint: 'check the path and its permissions',
    exit: 1,
  },
  CTK_CONFIG: {
    message: '{file} was left as it is: {reason}',
    hint: 'correct it, or name another file with --config-file; --dry-run shows what would be written',
    exit: 1,
  },
  DELTA_UNAVAILABLE: {
    message: 'nothing can tell what changed in bundle {path}: {reason}',
    hint: 'unpack with mtree = "always", or hook repack.ociv1.layer.delta-list',
    exit: 1,
  },
  DIFF_ID: {
    message: 'layer {digest} unpacks to {actual}, the image config says {expected}',
    hint: 'the image is corrupt or was tampered with; copy it again',
    exit: 1,
  },
  DIGEST_INVALID: {
    message: 'malformed digest {value}',
    hint: 'a digest is sha256: and 64 hex digits, or sha512: and 128',
    exit: 1,
  },
  DIRECTORY_INVALID: {
    message: '{path} cannot be used as a directory: {reason}',
    hint: 'name a directory, or a path where one can be made',
    exit: 1,
  },
  DIRECTORY_NOT_EMPTY: {
    message: '{path} has other files: {names}',
    hint: 'name a directory that is new or empty; --force unpacks beside them, and bundle rm leaves them',
    exit: 1,
  },
  DRIVER_NOT_FOUND: {
    message: 'no driver {name}: {reason}',
    hint: 'name a shipped driver (copy, overlay, btrfs) or a module that exports one',
    exit: 1,
  },
  DRIVER_OPTION: {
    message: 'driver {driver}: option {option} {reason}',
    hint: 'docs/drivers.md has the options of each driver',
    exit: 1,
  },
  FILE_CHANGED: {
    message: '{path} changed while it was read',
    hint: 'stop what writes to the rootfs, then repack again',
    exit: 1,
  },
  HOOK_FAILED: {
    message: 'hook {hook} failed at {point}{layer}: {reason}',
    hint: 'its messages show with --log=info; hooks check shows what it is called with',
    exit: 1,
  },
  HOOK_INVALID: {
    message: 'hook {hook} cannot be used at {point}: {reason}',
    hint: 'a hook is a function; docs/hook-protocol.md shows what each point allows',
    exit: 1,
  },
  HOOK_MISSING: {
    message: 'hook {hook} cannot be run: {reason}',
    hint: 'correct the path in hooks.toml; it must be absolute and executable',
    exit: 1,
  },
  HOOK_RESULT: {
    message: 'hook {hook} gave a bad result at {point}{layer}: {reason}',
    hint: 'docs/hook-protocol.md shows the result of each point',
    exit: 1,
  },
  HOOK_TIMEOUT: {
    message: 'hook {hook} did not end within {seconds} s at {point}{layer}',
    hint: 'raise its timeout in hooks.toml, or find out what it waits for',
    exit: 1,
  },
  HOOK_UNKNOWN_POINT: {
    message: 'hook {hook} is for {point}, which is no lifecycle point',
    hint: 'layerhook hooks list shows them all',
    exit: 1,
  },
  ID_MAP_INVALID: {
    message: 'malformed id map {value}',
    hint: 'an id map is CONTAINER:HOST[:SIZE], such as 0:100000:65536',
    exit: 1,
  },
  ID_UNMAPPED: {
    message: '{path}: {kind} {id} is not in the id map',
    hint: 'add a --uid-map or --gid-map range that holds it',
    exit: 1,
  },
  IMAGE_INVALID: {
    message: '{what} is malformed: {reason}',
    hint: 'the image breaks the OCI image-spec; build or copy it again',
    exit: 1,
  },
  IMAGE_UNWRITABLE: {
    message: '{digest} has mediaType {mediaType}: a Docker schema 2 image can be read, not changed',
    hint: 'convert it first, such as with: skopeo copy --format oci',
    exit: 1,
  },
  INTERNAL: {
    message: 'internal error: {reason}',
    hint: 'this is a bug of layerhook; run it again with --debug and report what it shows',
    exit: 1,
  },
  LAYER_ENTRY: {
    message: 'layer {digest}: entry {name}: {reason}',
    hint: 'the layer is malformed or hostile; nothing outside the target was touched',
    exit: 1,
  },
  LAYER_MEDIA_TYPE: {
    message: 'layer {digest} has mediaType {mediaType}, which is no layer that can be unpacked',
    hint: 'the image is an artifact, not a container image',
    exit: 1,
  },
  LAYER_PATH: {
    message: '{path} cannot go into a layer: {reason}',
    hint: 'remove or rename it, or leave it out with --mask-path',
    exit: 1,
  },
  LAYOUT_EXISTS: { message: '{path} already exists', hint: 'name a path that does not exist', exit: 1 },
  LAYOUT_INVALID: {
    message: '{path} is no valid OCI image layout: {reason}',
    hint: 'copy the image again, or make another layout with: layerhook init --layout PATH',
    exit: 1,
  },
  LAYOUT_NOT_FOUND: {
    message: 'no OCI image layout at {path}',
    hint: 'make one with: layerhook init --layout {path}',
    exit: 1,
  },
  LIMIT_EXCEEDED: {
    message: '{what} is over the limit of {limit}',
    hint: 'the image is hostile, or the limit is too small for it',
    exit: 1,
  },
  LISTEN: {
    message: 'cannot serve at {address}: {reason}',
    hint: '{expected}',
    exit: 1,
  },
  MOUNT_FAILED: { message: 'cannot mount {what} at {path}: {reason}', hint: '{expected}', exit: 1 },
  MTREE_DIFFERENT: {
    message: 'validation failed: {count} files of {path} differ from the manifest',
    hint: 'they are listed on standard output',
    exit: 1,
  },
  MTREE_INVALID: { message: '{file}:{line}: {reason}', hint: 'see mtree(5) for the format', exit: 1 },
  NO_SPACE: {
    message: 'no space left: {path}',
    hint: 'free some space; nothing half done was left behind',
    exit: 1,
  },
  PLATFORM_INVALID: {
    message: 'malformed platform {value}',
    hint: 'a platform is OS/ARCHITECTURE[/VARIANT], such as linux/arm64/v8',
    exit: 1,
  },
  PLATFORM_NOT_FOUND: {
    message: '{reference} has no image for {platform}; it has {available}',
    hint: 'choose one of them with --platform',
    exit: 1,
  },
  REFERENCE_AMBIGUOUS: {
    message: 'tag {reference} is ambiguous: {count} images have it',
    hint: 'remove or retag one of them',
    exit: 1,
  },
  REFERENCE_INVALID: {
    message: 'malformed reference {value}: {reason}',
    hint: 'an image is PATH[:TAG]; a tag has letters, digits and - . _ : @ / +',
    exit: 1,
  },
  REFERENCE_NOT_FOUND: {
    message: 'tag {reference} is not in {path}',
    hint: 'layerhook ls --layout {path} shows the tags',
    exit: 1,
  },
  RUNTIME_EXEC: {
    message: 'cannot run {path}: {reason}',
    hint: 'it must be a program of this machine',
    exit: 1,
  },
  RUNTIME_HOOKS: {
    message: 'hooks of {file} cannot be used: {reason}',
    hint: 'correct it; on-error = "pass-through" in runtime.toml would start containers without them',
    exit: 1,
  },
  RUNTIME_NOT_FOUND: {
    message: 'no OCI runtime found: {reason}',
    hint: 'install one, or name it in runtimes of runtime.toml or with --runtime-path',
    exit: 1,
  },
  RUNTIME_SPEC: {
    message: 'cannot add hooks to {file}: {reason}',
    hint: 'the engine must give a bundle with a config.json as the OCI runtime-spec has it',
    exit: 1,
  },
  SNAPSHOTTER_IN_USE: {
    message: 'containerd has {committed} layers and {active} containers in the snapshotter {name}',
    hint: 'remove the containers and images that use it (crictl rmp, rmi; ctr containers rm, images rm), or give --force',
    exit: 1,
  },
  SNAPSHOT_ARGUMENT: {
    message: '{what} cannot be used: {reason}',
    hint: 'docs/store.md says what a snapshot may be called and made of',
    exit: 1,
  },
  SNAPSHOT_BROKEN: {
    message: 'snapshot {name} cannot be used: {reason}',
    hint: 'its image must be extracted again: remove it and pull it, or unpack it into another bundle',
    exit: 1,
  },
  SNAPSHOT_EXISTS: {
    message: 'snapshot {name} already exists',
    hint: 'keys and names of snapshots share one space: choose another, or remove it first',
    exit: 1,
  },
  SNAPSHOT_NOT_FOUND: {
    message: 'no snapshot {name}',
    hint: 'it was never made by this client, or has been removed',
    exit: 1,
  },
  SNAPSHOT_PRECONDITION: {
    message: 'snapshot {name}: {reason}',
    hint: 'docs/store.md says what each kind of snapshot allows',
    exit: 1,
  },
  STORE_DAMAGED: {
    message: '{count} layers in the store are not as they were extracted',
    hint: 'they are named above; unpack their image into another bundle, which extracts them again',
    exit: 1,
  },
  STORE_INVALID: {
    message: '{path} is no usable layer store: {reason}',
    hint: 'name another directory, or move this one away: docs/store.md says what can be saved of it',
    exit: 1,
  },
  STORE_NOT_FOUND: {
    message: 'no layer store at {path}',
    hint: 'name one with --store; layerhook unpack --driver overlay makes one',
    exit: 1,
  },
  SYSTEM: { message: '{what}: {reason}', hint: '{expected}', exit: 1 },
  TAR_INVALID: {
    message: 'layer {digest}: tar is malformed at byte {offset}: {reason}',
    hint: 'build or copy the image again',
    exit: 1,
  },
  UNHEALTHY: {
    message: 'the snapshotter is not healthy, by {address}: {reason}',
    hint: 'look at the log of layerhook snapshotter serve; it must be started with --metrics',
    exit: 1,
  },
  UNMOUNT_FAILED: { message: 'cannot unmount {path}: {reason}', hint: '{expected}', exit: 1 },
  USAGE: { message: '{reason}', hint: 'see {command} --help', exit: 1 },
} as const satisfies Record<string, ErrorRow>;

export interface ErrorRow {
  message: string;
  hint: string;
  exit: number;
}

export type ErrorCode = keyof typeof errorTable;
