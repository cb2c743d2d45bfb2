/** How each error of the table is provoked. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '../../src/errors/index.js';
import { writeImage } from '../../src/testing/image.js';

/** What the commands below work on. */
export interface Place {
  /** a new directory */
  dir: string;
  /** writes an image, and returns its reference */
  image(
    name: string,
    options?: Parameters<typeof writeImage>[2],
    layers?: Parameters<typeof writeImage>[1],
  ): string;
  /** writes a file below `dir`, and returns its path */
  file(name: string, content: string | Buffer): string;
  /** runs a command that must succeed */
  done(...args: string[]): Promise<void>;
}

/** Returns a command line that ends with the error, and what the message must name. */
export type Command = (
  place: Place,
) => Promise<[args: string[], names: string]> | [args: string[], names: string];

/** A test that provokes the error where a single command cannot. */
export interface Elsewhere {
  file: string;
  title: string;
}

const layer = [{ name: 'a', content: 'a' }];
const missing = '/nonexistent/file';

/** Writes a hooks.toml that other users cannot change, and its program. */
function hooks({ file }: Place, point: string, script: string, more = ''): string {
  const program = file('hook.sh', `#!/bin/sh\n${script}\n`);
  return file('hooks.toml', `[[hook]]\npoint = "${point}"\nexec = ["/bin/sh", "${program}"]\n${more}`);
}

function unpackWithHook(place: Place, script: string, more = ''): [string[], string] {
  const toml = hooks(place, 'unpack.ociv1.layer.post-extract', script, more);
  return [['--hooks', toml, 'unpack', '--image', place.image('i'), join(place.dir, 'b')], 'post-extract'];
}

function driver(place: Place, text: string, names?: string): [string[], string] {
  const module = place.file('driver.mjs', text);
  return [['unpack', '--driver', module, '--image', place.image('i'), join(place.dir, 'b')], names ?? module];
}

function malformed(place: Place, bytes: Buffer): [string[], string] {
  const image = place.image('m', { blob: () => bytes }, [layer]);
  return [['unpack', '--image', image, join(place.dir, 'b')], 'sha256:'];
}

async function unpacked(place: Place, ...options: string[]): Promise<{ image: string; bundle: string }> {
  const [image, bundle] = [place.image('i'), join(place.dir, 'b')];
  await place.done('unpack', ...options, '--image', image, bundle);
  return { image, bundle };
}

export const provoked: Record<ErrorCode, Command | Elsewhere> = {
  ABORTED: { file: 'test/cli/signals.test.ts', title: 'aborts the command, which may clean up: exit status' },
  ARCHIVE_CONTAINER: { file: 'test/hooks/archive/failures.test.ts', title: 'ends with one clear line' },
  ARCHIVE_DESTINATION: {
    file: 'test/hooks/archive/failures.test.ts',
    title: 'every archive is attempted, what failed is recorded, and retry makes it',
  },
  ARCHIVE_UPPERDIR: {
    file: 'test/hooks/archive/failures.test.ts',
    title: 'every archive is attempted, what failed is recorded, and retry makes it',
  },
  BLOB_DIGEST: (place) => {
    const image = writeImage(join(place.dir, 'l'), [layer]);
    const { digest, size } = image.manifest.config;
    writeFileSync(image.blob(digest), 'x'.repeat(size));
    return [['stat', '--image', image.reference], digest];
  },
  BLOB_MEDIA_TYPE: (place) => {
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    const edit = {
      index: (index: { manifests: object[] }) => Object.assign(index.manifests[0]!, { mediaType }),
    };
    return [['stat', '--image', place.image('l', { edit })], mediaType];
  },
  BLOB_NOT_FOUND: (place) => {
    const digest = `sha256:${'1'.repeat(64)}`;
    const edit = { manifest: (manifest: { config: object }) => Object.assign(manifest.config, { digest }) };
    return [['stat', '--image', place.image('l', { edit })], digest];
  },
  BLOB_SIZE: (place) => {
    const image = writeImage(join(place.dir, 'l'), [layer]);
    const { digest } = image.manifest.config;
    writeFileSync(image.blob(digest), 'x');
    return [['stat', '--image', image.reference], digest];
  },
  BTRFS_REQUIRED: {
    file: 'test/drivers/btrfs/driver.test.ts',
    title: 'a store or a bundle that is not on one btrfs with the other is refused, with nothing left',
  },
  BUNDLE_BUSY: { file: 'test/engine/bundle/hold.test.ts', title: 'a bundle is held by any of its names' },
  BUNDLE_COPY: {
    file: 'test/drivers/overlay/copies.test.ts',
    title: 'a copy is refused, and its removal leaves the changes of the original',
  },
  BUNDLE_DAMAGED: {
    file: 'test/engine/bundle/damaged.test.ts',
    title: 'a bundle without files is damaged, and every command names the command that removes it',
  },
  BUNDLE_DRIVER: {
    file: 'test/engine/bundle/driver.test.ts',
    title: 'a driver that is named by path is the same from any directory',
  },
  BUNDLE_EXISTS: async (place) => {
    const { image, bundle } = await unpacked(place);
    return [['unpack', '--image', image, bundle], bundle];
  },
  BUNDLE_INVALID: async (place) => {
    const { image, bundle } = await unpacked(place);
    writeFileSync(join(bundle, 'umoci.json'), '{');
    return [['repack', '--image', image, bundle], bundle];
  },
  BUNDLE_LAYOUT: {
    file: 'test/cli/pull.test.ts',
    title: 'repack --tag needs a bundle that names its layout',
  },
  BUNDLE_NOT_FOUND: (place) => [['repack', '--image', place.image('i'), missing], missing],
  COMPRESSION_CORRUPT: (place) => malformed(place, gzipSync(Buffer.alloc(10_240)).subarray(0, -12)),
  COMPRESSION_UNAVAILABLE: {
    file: 'test/cli/raw.test.ts',
    title: 'without zstd, raw add-layer says how to get it',
  },
  COMPRESSION_UNKNOWN: (place) => [
    ['insert', '--compress', 'lzma', '--image', place.image('i'), missing, 'x'],
    'lzma',
  ],
  CONFIG_INVALID: (place) => [['hooks', 'check', place.file('hooks.toml', 'x = 1\n')], 'hooks.toml:1'],
  CONFIG_UNREADABLE: () => [['hooks', 'check', missing], missing],
  CONTAINERD_VERSION: {
    file: 'test/e2e/erofs-layers.test.ts',
    title: 'an older containerd is refused; a later one gets its layers as images',
  },
  CTK_CONFIG: (place) => {
    const file = place.file('daemon.json', '{');
    return [['ctk', 'runtime', 'configure', '--runtime', 'docker', '--config-file', file], file];
  },
  DELTA_UNAVAILABLE: async (place) => {
    const text = `export default () => ({ name: 'x', hooks: {} });`;
    const module = place.file('driver.mjs', text);
    const { image, bundle } = await unpacked(place, '--mtree', 'never', '--driver', module);
    return [['repack', '--driver', module, '--image', image, bundle], bundle];
  },
  DIFF_ID: (place) => {
    const digest = `sha256:${'1'.repeat(64)}`;
    const edit = {
      config: (config: { rootfs: object }) => Object.assign(config.rootfs, { diff_ids: [digest] }),
    };
    return [['unpack', '--image', place.image('l', { edit }), join(place.dir, 'b')], digest];
  },
  DIGEST_INVALID: (place) => {
    const edit = {
      manifest: (manifest: { config: object }) => Object.assign(manifest.config, { digest: 'md5:0' }),
    };
    return [['stat', '--image', place.image('l', { edit })], 'md5:0'];
  },
  DIRECTORY_INVALID: (place) => {
    const file = place.file('file', '');
    return [['raw', 'unpack', '--image', place.image('l'), file], file];
  },
  DIRECTORY_NOT_EMPTY: (place) => {
    place.file('precious', '');
    return [['unpack', '--image', place.image('l'), place.dir], 'precious'];
  },
  DRIVER_INVALID: (place) => driver(place, 'export default () => ({});'),
  DRIVER_NOT_FOUND: (place) => [
    ['unpack', '--driver', 'overlya', '--image', place.image('l'), join(place.dir, 'b')],
    'overlya',
  ],
  DRIVER_OPTION: (place) => {
    const toml = place.file('hooks.toml', '[driver]\nname = "overlay"\nfrob = 1\n');
    return [['--hooks', toml, 'unpack', '--image', place.image('l'), join(place.dir, 'b')], 'frob'];
  },
  FILE_CHANGED: {
    file: 'test/layer/generate/generate.test.ts',
    title: 'a file that changes while it is read fails, whether it grows, shrinks or is touched',
  },
  FILE_NOT_FOUND: (place) => [
    ['insert', '--image', place.image('l'), missing, '/x'],
    'cannot read /nonexistent',
  ],
  HOOK_FAILED: (place) => unpackWithHook(place, 'echo sick >&2; exit 3'),
  HOOK_INVALID: (place) =>
    driver(
      place,
      "export default () => ({ name: 'x', hooks: { 'bundle.ociv1.remove': 7 } });",
      'ociv1.remove',
    ),
  HOOK_MISSING: {
    file: 'test/config/exec.test.ts',
    title: 'a program that cannot be started is HOOK_MISSING',
  },
  HOOK_RESULT: (place) => unpackWithHook(place, `echo '{"frob": 1}'`),
  HOOK_TIMEOUT: (place) => unpackWithHook(place, 'exec sleep 60', 'timeout = 1\n'),
  HOOK_UNKNOWN_POINT: (place) =>
    driver(
      place,
      "export default () => ({ name: 'x', hooks: { 'bundle.ociv1.rmove': () => {} } });",
      'ociv1.rmove',
    ),
  ID_MAP_INVALID: (place) => [
    ['unpack', '--uid-map', '1', '--image', place.image('l'), join(place.dir, 'b')],
    'id map 1',
  ],
  ID_UNMAPPED: (place) => [
    ['insert', '--uid-map', '0:100000:1', '--image', place.image('l'), place.file('mine', ''), '/x'],
    'mine',
  ],
  IMAGE_ELSEWHERE: (place) => [
    ['unpack', '--image', 'docker://debian:12', join(place.dir, 'b')],
    'docker://debian:12',
  ],
  IMAGE_FILE: (place) => [['cat', place.image('l'), '/none'], '/none'],
  IMAGE_INVALID: (place) => {
    const edit = { manifest: (manifest: object) => Object.assign(manifest, { layers: 7 }) };
    return [['stat', '--image', place.image('l', { edit })], 'manifest'];
  },
  IMAGE_UNWRITABLE: { file: 'test/image/mutate.test.ts', title: 'a Docker schema 2 image is not changed' },
  INDEX_ENTRY: async (place) => {
    const image = place.image('l');
    const index = `${join(place.dir, 'l')}:multi`;
    await place.done('index', 'add', '--image', index, image);
    return [['index', 'rm', '--image', index, 'linux/s390x'], 'linux/s390x'];
  },
  INDEX_REQUIRED: (place) => [['index', 'ls', '--image', place.image('l')], 'latest'],
  INTERNAL: {
    file: 'test/cli/report.test.ts',
    title: 'a bug in layerhook is reported as one, without a stack',
  },
  LAYER_ENTRY: (place) => [
    ['unpack', '--image', place.image('l', {}, [[{ name: '.wh.' }]]), join(place.dir, 'b')],
    '.wh.',
  ],
  LAYER_MEDIA_TYPE: (place) => {
    const edit = {
      manifest: ({ layers }: { layers: object[] }) => Object.assign(layers[0]!, { mediaType: 'text/x' }),
    };
    return [['unpack', '--image', place.image('l', { edit }), join(place.dir, 'b')], 'text/x'];
  },
  LAYER_NOT_FOUND: (place) => [['ls-files', '--layer', '9', place.image('l')], 'no layer 9'],
  LAYER_PATH: (place) => [['insert', '--image', place.image('l'), place.file('f', ''), '/.wh.x'], '.wh.'],
  LAYER_TAR: (place) => {
    const file = place.file('text', 'hello');
    return [['raw', 'add-layer', '--image', place.image('l'), file], file];
  },
  LAYOUT_EXISTS: (place) => [['init', '--layout', place.image('l').replace(':latest', '')], place.dir],
  LAYOUT_INVALID: (place) => [['ls', '--layout', place.dir], place.dir],
  LAYOUT_NOT_FOUND: () => [['ls', '--layout', missing], missing],
  LAYOUT_UNWRITABLE: (place) => [
    ['copy', place.image('l'), `docker-archive:${join(place.dir, 'x')}`],
    'docker-archive:',
  ],
  LIMIT_EXCEEDED: (place) => [
    [
      'unpack',
      '--limit',
      'entries=1',
      '--image',
      place.image('l', {}, [[...layer, { name: 'b' }]]),
      `${place.dir}/b`,
    ],
    'of 1, which --limit entries=N raises',
  ],
  LISTEN: (place) => [
    ['snapshotter', 'serve', '--store', join(place.dir, 's'), '--address', `${missing}/socket`],
    missing,
  ],
  MOUNT_FAILED: {
    file: 'test/system/mount.test.ts',
    title: 'a mount that fails says why, and what would be right',
  },
  MTREE_DIFFERENT: (place) => {
    const manifest = place.file('mtree', '#mtree\n. type=dir\n    x type=file\n..\n');
    mkdirSync(join(place.dir, 'empty'));
    return [['raw', 'mtree-validate', '-f', manifest, '-p', join(place.dir, 'empty')], 'empty'];
  },
  MTREE_INVALID: (place) => [
    ['raw', 'mtree-validate', '-f', place.file('mtree', '. type=dir\n/frob\n'), '-p', place.dir],
    'mtree:2',
  ],
  NO_SPACE: {
    file: 'test/drivers/btrfs/driver.test.ts',
    title: 'a full filesystem ends the unpack, and nothing of it stays',
  },
  PLATFORM_INVALID: (place) => [
    ['unpack', '--platform', 'a/b/c/d', '--image', place.image('l'), join(place.dir, 'b')],
    'a/b/c/d',
  ],
  PLATFORM_NOT_FOUND: (place) => [
    ['unpack', '--platform', 'plan9/386', '--image', place.image('l'), join(place.dir, 'b')],
    'plan9/386',
  ],
  PULL_FAILED: { file: 'test/cli/pull.test.ts', title: 'without skopeo, --pull says how to get it' },
  REBASE: (place) => [['rebase', '--image', place.image('l')], 'its new base is unknown'],
  REFERENCE_AMBIGUOUS: (place) => {
    const image = place.image('l');
    writeImage(join(place.dir, 'l'), [[{ name: 'b' }]]);
    return [['tag', '--image', image, 'other'], 'latest'];
  },
  REFERENCE_INVALID: (place) => [['stat', '--image', `${place.image('l')}/:.x`], '.x'],
  REFERENCE_NOT_FOUND: (place) => [['stat', '--image', place.image('l').replace('latest', 'none')], 'none'],
  RUNTIME_EXEC: { file: 'test/hooks/runtime.test.ts', title: 'a program that cannot be run is named' },
  RUNTIME_HOOKS: {
    file: 'test/hooks/runtime.test.ts',
    title: 'fails the container, on stderr and in the log of the engine',
  },
  RUNTIME_NOT_FOUND: { file: 'test/hooks/runtime.test.ts', title: 'a missing runtime fails every command' },
  RUNTIME_SPEC: {
    file: 'test/hooks/runtime.test.ts',
    title: 'a bundle without config.json fails the container',
  },
  SNAPSHOTTER_IN_USE: {
    file: 'test/ctk/snapshotter-containerd.test.ts',
    title: 'containerd has the snapshotter, its CRI uses it, and forgets it again',
  },
  SNAPSHOT_ARGUMENT: {
    file: 'test/store/snapshotter.test.ts',
    title: 'only committed snapshots are parents',
  },
  SNAPSHOT_BROKEN: {
    file: 'test/store/broken.test.ts',
    title: 'is refused below any mount, and can be removed',
  },
  SNAPSHOT_EXISTS: { file: 'test/store/snapshotter.test.ts', title: 'keys and names share one space' },
  SNAPSHOT_NOT_FOUND: {
    file: 'test/store/snapshotter.test.ts',
    title: 'only committed snapshots are parents',
  },
  SNAPSHOT_PRECONDITION: {
    file: 'test/store/snapshotter.test.ts',
    title: 'a commit may name the parent of what was prepared without one',
  },
  STORE_DAMAGED: {
    file: 'test/cli/store.test.ts',
    title: 'verify finds the file that is damaged, and the layer is not used again',
  },
  STORE_INVALID: {
    file: 'test/store/other-owner.test.ts',
    title: 'a directory that others may write to is refused as a store, unless it is sticky',
  },
  STORE_LAYER_IN_USE: {
    file: 'test/cli/store.test.ts',
    title: 'rm removes a layer without layers on top, by its first digits',
  },
  STORE_LAYER_NOT_FOUND: {
    file: 'test/cli/store.test.ts',
    title: 'rm removes a layer without layers on top, by its first digits',
  },
  STORE_NOT_FOUND: (place) => [
    ['store', 'rm', '--store', join(place.dir, 's'), 'aaaa'],
    join(place.dir, 's'),
  ],
  SYSTEM: (place) => [['import', '--image', place.image('l'), place.dir], place.dir],
  TAR_INVALID: (place) => malformed(place, gzipSync(Buffer.alloc(10_240, 7))),
  UNHEALTHY: () => [['snapshotter', 'health', '--metrics', missing], missing],
  UNMOUNT_FAILED: {
    file: 'test/system/mount.test.ts',
    title: 'unmounting follows no symlink, and says what keeps a mount',
  },
  USAGE: () => [['unpack', '--frob', 'x'], '--frob'],
};
