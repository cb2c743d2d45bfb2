/**
 * All errors of layerhook: one row for each code, sorted by code.
 *
 * - `message`: what failed and where, in one line; the error's details replace `{name}`
 * - `hint`: what would be right, in one line
 *
 * classes.ts gives each code a class, and each class an exit status.
 * docs/errors.md lists the same rows; test/errors/table.test.ts compares the two.
 */
export const errorTable = {
  ABORTED: {
    message: '{what} was interrupted',
    hint: 'partial results were removed; run the command again',
  },
  ARCHIVE_CONTAINER: {
    message: 'cannot archive the container: {reason}',
    hint: 'archive_overlay is a poststop hook that gets the state of the container from the OCI runtime; see docs/archive-overlay.md',
  },
  ARCHIVE_DESTINATION: { message: 'cannot archive to {path}: {reason}', hint: '{expected}' },
  ARCHIVE_UPPERDIR: {
    message: 'no upperdir found for {mountPoint}: {reason}',
    hint: 'name the destination of an overlay mount of the container; mount it with rw=true',
  },
  BLOB_DIGEST: {
    message: 'blob {digest} in {path} is corrupt: its content hashes to {actual}',
    hint: 'the layout is corrupt; copy the image again',
  },
  BLOB_MEDIA_TYPE: {
    message: 'blob {digest} says mediaType {actual}, its descriptor says {expected}',
    hint: 'the image is inconsistent (CVE-2021-41190); do not trust it',
  },
  BLOB_NOT_FOUND: {
    message: 'blob {digest} is not in {path}',
    hint: 'the layout is incomplete; copy the image again',
  },
  BLOB_SIZE: {
    message: 'the size of blob {digest} is {actual}, its descriptor says {expected}',
    hint: 'the layout is corrupt; copy the image again',
  },
  BTRFS_REQUIRED: {
    message: 'the btrfs driver cannot use {path}: {reason}',
    hint: 'store and bundle must be on the same btrfs file system; name another store with --store, or use another driver',
  },
  BUNDLE_BUSY: { message: 'bundle {path} is in use: {reason}', hint: '{expected}' },
  BUNDLE_COPY: {
    message: 'bundle {path} is a copy: its changes in the store belong to {owner}',
    hint: '{expected}',
  },
  BUNDLE_DAMAGED: {
    message: 'bundle {path} is damaged: {reason}',
    hint: '{expected}',
  },
  BUNDLE_DRIVER: {
    message: 'cannot use the driver {name} of bundle {path}: {reason}',
    hint: '{expected}',
  },
  BUNDLE_EXISTS: {
    message: 'bundle {path} already has a {what}',
    hint: 'name a bundle directory that does not exist, or remove this one first',
  },
  BUNDLE_INVALID: {
    message: 'bundle {path} cannot be used: {reason}',
    hint: 'unpack the image again into a new bundle',
  },
  BUNDLE_LAYOUT: {
    message: 'the layout of bundle {path} is unknown: {reason}',
    hint: 'name the layout and the new tag with --image LAYOUT:TAG',
  },
  BUNDLE_NOT_FOUND: {
    message: 'no bundle at {path}: {reason}',
    hint: 'create one with: layerhook unpack --image LAYOUT:TAG BUNDLE',
  },
  COMPRESSION_CORRUPT: {
    message: 'layer {digest}: {format} stream is corrupt: {reason}',
    hint: 'copy the image again',
  },
  COMPRESSION_UNAVAILABLE: {
    message: '{format} is not available: {reason}',
    hint: '{expected}',
  },
  COMPRESSION_UNKNOWN: {
    message: 'unknown compression {value}',
    hint: 'use one of {choices}',
  },
  CONFIG_INVALID: { message: '{file}:{line}: {reason}', hint: '{expected}' },
  CONFIG_UNREADABLE: {
    message: 'cannot read {file}: {reason}',
    hint: 'check the path and its permissions',
  },
  CONTAINERD_VERSION: {
    message: 'layers cannot be EROFS images: {reason}',
    hint: 'use containerd 2.1 or later, or leave out --layers erofs',
  },
  CTK_CONFIG: {
    message: '{file} was left unchanged: {reason}',
    hint: 'correct the file, or name another with --config-file; --dry-run shows the result without writing it',
  },
  DELTA_UNAVAILABLE: {
    message: 'cannot determine what changed in bundle {path}: {reason}',
    hint: 'unpack with mtree = "always", or add a hook at repack.ociv1.layer.delta-list',
  },
  DIFF_ID: {
    message: 'layer {digest} unpacks to {actual}, the image config says {expected}',
    hint: 'the image is corrupt or was tampered with; copy the image again',
  },
  DIGEST_INVALID: {
    message: 'malformed digest {value}',
    hint: 'a digest is sha256: and 64 hex digits, or sha512: and 128 hex digits',
  },
  DIRECTORY_INVALID: {
    message: '{path} cannot be used as a directory: {reason}',
    hint: 'name a directory, or a path where layerhook can create one',
  },
  DIRECTORY_NOT_EMPTY: {
    message: '{path} has other files: {names}',
    hint: 'name a new or empty directory; --force unpacks beside these files, and bundle rm keeps them',
  },
  DRIVER_INVALID: { message: 'driver {name}: {reason}', hint: '{expected}' },
  DRIVER_NOT_FOUND: {
    message: 'driver {name} cannot be loaded: {reason}',
    hint: 'name a shipped driver (copy, overlay, erofs, btrfs) or a module that exports one',
  },
  DRIVER_OPTION: {
    message: 'driver {driver}: option {option} {reason}',
    hint: 'see docs/shipped-drivers.md for the options of each driver',
  },
  FILE_CHANGED: {
    message: '{path} changed while it was read',
    hint: 'stop the processes that write to the rootfs, and repack again',
  },
  FILE_NOT_FOUND: { message: '{what}: no such file or directory (ENOENT)', hint: 'check the path' },
  HOOK_FAILED: {
    message: 'hook {hook} failed at {point}{layer}: {reason}',
    hint: '--log=info shows the messages of the hook; layerhook hooks check shows its input',
  },
  HOOK_INVALID: {
    message: 'hook {hook} cannot be used at {point}: {reason}',
    hint: 'a hook is a function; see docs/hook-protocol.md for what each point allows',
  },
  HOOK_MISSING: {
    message: 'hook {hook} cannot be run: {reason}',
    hint: 'correct the path in hooks.toml: it must be absolute, and the file executable',
  },
  HOOK_RESULT: {
    message: 'hook {hook} returned an invalid result at {point}{layer}: {reason}',
    hint: 'see docs/hook-protocol.md for the result of each point',
  },
  HOOK_TIMEOUT: {
    message: 'hook {hook} did not finish within {seconds} s at {point}{layer}',
    hint: 'raise the timeout of the hook in hooks.toml, or find out what the hook waits for',
  },
  HOOK_UNKNOWN_POINT: {
    message: 'hook {hook} names an unknown lifecycle point: {point}',
    hint: 'layerhook hooks list shows all lifecycle points',
  },
  ID_MAP_INVALID: {
    message: 'malformed id map {value}',
    hint: 'an id map is CONTAINER:HOST[:SIZE], such as 0:100000:65536',
  },
  ID_UNMAPPED: {
    message: '{path}: {kind} {id} is not in the id map',
    hint: 'add a --uid-map or --gid-map range that contains it',
  },
  IMAGE_ELSEWHERE: { message: '{value} is not an OCI image layout: {reason}', hint: '{expected}' },
  IMAGE_FILE: { message: 'cannot read {path} in {image}: {reason}', hint: '{expected}' },
  IMAGE_INVALID: {
    message: '{what} is malformed: {reason}',
    hint: 'the image breaks the OCI image-spec; build or copy it again',
  },
  IMAGE_UNWRITABLE: {
    message: '{digest} has mediaType {mediaType}: a Docker schema 2 image can be read, not changed',
    hint: 'convert the image first, for example with: skopeo copy --format oci',
  },
  INDEX_ENTRY: {
    message: 'the index {tag} has no entry {wanted}',
    hint: 'name a platform or a digest that layerhook index ls shows',
  },
  INDEX_REQUIRED: {
    message: 'tag {tag} names one image ({mediaType}), not an index',
    hint: 'name the tag of an index, or a new tag: layerhook index add --image LAYOUT:NEW-TAG IMAGE... creates an index',
  },
  INTERNAL: {
    message: 'internal error: {reason}',
    hint: 'this is a bug in layerhook; run the command again with --debug and report its output',
  },
  LAYER_ENTRY: {
    message: 'layer {digest}: entry {name}: {reason}',
    hint: 'the layer is malformed or hostile; nothing outside the target was touched',
  },
  LAYER_MEDIA_TYPE: {
    message: 'layer {digest} has the unsupported mediaType {mediaType}',
    hint: 'the image seems to be an artifact; only container images can be unpacked',
  },
  LAYER_NOT_FOUND: {
    message: 'no layer {layer} in {image}: {reason}',
    hint: 'give its number, 0 for the lowest, or its digest; layerhook stat --image {image} lists the layers',
  },
  LAYER_PATH: {
    message: '{path} cannot go into a layer: {reason}',
    hint: 'remove or rename the file, or exclude it with --mask-path',
  },
  LAYER_TAR: {
    message: '{path} cannot become a layer: {reason}',
    hint: 'give a tar, for raw add-layer an uncompressed one; --compress chooses the compression of the layer',
  },
  LAYOUT_EXISTS: { message: '{path} already exists', hint: 'name a path that does not exist' },
  LAYOUT_INVALID: {
    message: 'invalid OCI image layout {path}: {reason}',
    hint: 'copy the image again, or create another layout with: layerhook init --layout PATH',
  },
  LAYOUT_NOT_FOUND: {
    message: 'no OCI image layout at {path}',
    hint: 'create one with: layerhook init --layout {path}',
  },
  LAYOUT_UNWRITABLE: {
    message: 'cannot write to {path}: {reason}',
    hint: '{expected}',
  },
  LIMIT_EXCEEDED: {
    message: '{what} is over the limit of {limit}',
    hint: 'the image may be hostile; if it is trusted, raise the limit',
  },
  LISTEN: {
    message: 'cannot serve at {address}: {reason}',
    hint: '{expected}',
  },
  MOUNT_FAILED: { message: 'cannot mount {what} at {path}: {reason}', hint: '{expected}' },
  MTREE_DIFFERENT: {
    message: 'validation failed: files of {path} that differ from the mtree: {count}',
    hint: 'standard output lists them',
  },
  MTREE_INVALID: { message: '{file}:{line}: {reason}', hint: 'see mtree(5) for the format' },
  NO_SPACE: {
    message: 'no space left: {path}',
    hint: 'partial results were removed; free some space there; layerhook store gc removes unused layers, layerhook gc unused blobs',
  },
  PLATFORM_INVALID: {
    message: 'malformed platform {value}',
    hint: 'a platform is OS/ARCHITECTURE[/VARIANT], such as linux/arm64/v8',
  },
  PLATFORM_NOT_FOUND: {
    message: '{reference} has no image for {platform}, only for {available}',
    hint: 'choose one of these platforms with --platform',
  },
  PULL_FAILED: { message: 'cannot copy {source}: {reason}', hint: '{expected}' },
  REBASE: { message: 'cannot rebase {image}: {reason}', hint: '{expected}' },
  REFERENCE_AMBIGUOUS: {
    message: 'tag {reference} is ambiguous: {count} images have this tag',
    hint: 'remove the tag, or tag one of the images differently',
  },
  REFERENCE_INVALID: {
    message: 'malformed reference {value}: {reason}',
    hint: 'an image is PATH[:TAG]; a tag has letters, digits and - . _ : @ / +',
  },
  REFERENCE_NOT_FOUND: {
    message: '{what} is not in {path}{meant}',
    hint: '{expected}',
  },
  RUNTIME_EXEC: {
    message: 'cannot run {path}: {reason}',
    hint: 'the file must be a program that this machine can run',
  },
  RUNTIME_HOOKS: {
    message: 'cannot use the hooks of {file}: {reason}',
    hint: 'correct the file; on-error = "pass-through" in runtime.toml starts containers without these hooks',
  },
  RUNTIME_NOT_FOUND: {
    message: 'no OCI runtime found: {reason}',
    hint: 'install one, or name one with --runtime-path or under runtimes in runtime.toml',
  },
  RUNTIME_SPEC: {
    message: 'cannot add hooks to {file}: {reason}',
    hint: 'the container engine must pass a bundle with a config.json that follows the OCI runtime-spec',
  },
  SNAPSHOTTER_IN_USE: {
    message: 'containerd still uses the snapshotter {name}: layers {committed}, containers {active}',
    hint: 'remove the containers and images that use it (crictl rmp, rmi; ctr containers rm, ctr images rm --sync), or use --force',
  },
  SNAPSHOT_ARGUMENT: {
    message: '{what} cannot be used: {reason}',
    hint: 'see docs/store.md for the names and parents that a snapshot may have',
  },
  SNAPSHOT_BROKEN: {
    message: 'snapshot {name} cannot be used: {reason}',
    hint: 'extract its image again: remove the image and pull it, or unpack it into another bundle',
  },
  SNAPSHOT_EXISTS: {
    message: 'snapshot {name} already exists',
    hint: 'choose another name, or remove the snapshot first; keys and names share one namespace',
  },
  SNAPSHOT_NOT_FOUND: {
    message: 'snapshot {name} not found',
    hint: 'this client never created the snapshot, or it was removed',
  },
  SNAPSHOT_PRECONDITION: {
    message: 'snapshot {name}: {reason}',
    hint: 'see docs/store.md for what each kind of snapshot allows',
  },
  STORE_DAMAGED: {
    message: 'damaged layers in the store: {count}',
    hint: 'the lines above name them; unpack their images into other bundles to extract them again',
  },
  STORE_INVALID: {
    message: 'cannot use {path} as a layer store: {reason}',
    hint: 'name another directory, or move this one elsewhere; see docs/store.md for what can be recovered',
  },
  STORE_LAYER_IN_USE: {
    message: 'layer {layer} is in use: {bundles}',
    hint: 'remove these bundles first: layerhook bundle rm BUNDLE',
  },
  STORE_LAYER_NOT_FOUND: {
    message: 'no layer in the store called {layer}',
    hint: 'layerhook store ls shows the layers',
  },
  STORE_NOT_FOUND: {
    message: 'no layer store at {path}',
    hint: 'name one with --store; layerhook unpack --driver overlay creates one',
  },
  SYSTEM: { message: '{what}: {reason}', hint: '{expected}' },
  TAR_INVALID: {
    message: 'layer {digest}: tar is malformed at byte {offset}: {reason}',
    hint: 'build or copy the image again',
  },
  UNHEALTHY: {
    message: 'the snapshotter is unhealthy, according to {address}: {reason}',
    hint: 'see the log of layerhook snapshotter serve; health checks need its option --metrics',
  },
  UNMOUNT_FAILED: { message: 'cannot unmount {path}: {reason}', hint: '{expected}' },
  USAGE: { message: '{reason}', hint: 'see {command} --help' },
} as const satisfies Record<string, ErrorRow>;

export interface ErrorRow {
  message: string;
  hint: string;
}

export type ErrorCode = keyof typeof errorTable;
