/**
 * The main job on something small, with nothing but this machine: a root filesystem made of its own shell and
 * coreutils goes into an image, which is unpacked, run, changed, repacked and unpacked again, then by the overlay driver.
 * It uses the public API as a program of yours would. `--picture FILE` draws some of the steps as an SVG terminal.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLayout, type MapOptions, newImage, repack, unpack } from 'layerhook';
import { removeDirectory } from '../helpers/tmp.js';
import { runBundle } from './container.js';
import { tracingHooks } from './hooks.js';
import { describeEntry, layerEntries } from './layer.js';
import { overlayIt } from './overlay.js';
import { drawSteps } from './picture.js';
import { fillRootfs } from './rootfs.js';
import { heading, line, row, showBytes, steps, timed, timeTable } from './show.js';

const { picture } = parseArgs({ options: { picture: { type: 'string' } } }).values;
/** the steps that say most about layerhook: hooks, a layer of changes, shared layers */
const drawn = [2, 5, 7];

const root = process.geteuid?.() === 0;
const map = root ? undefined : rootlessMap();
const dir = mkdtempSync(join(tmpdir(), 'layerhook-demo-'));
const layout = join(dir, 'image');
const bundle = join(dir, 'bundle');
const script =
  'echo "hello from a container: $(id -un), $(ls /bin | wc -l) names in /bin"; date > /var/log/started';

console.log(
  'The demo makes an image of this machine’s own programs, unpacks it, runs it, changes it and repacks it.',
);
if (!root)
  console.log('You are not root: all files stay yours, and a container needs user namespaces to run.');
try {
  await makeImage();
  await unpackIt();
  changeIt(await runIt());
  await repackIt();
  await unpackAgain();
  if (root) await overlayIt(layout, dir);
  heading('What took how long');
  timeTable();
  if (picture !== undefined)
    writeFileSync(
      picture,
      drawSteps(
        'npm run demo',
        drawn.flatMap((number) => steps[number - 1] ?? []),
      ),
    );
} finally {
  removeDirectory(dir);
}

async function makeImage(): Promise<void> {
  heading('A root filesystem, and an image of it');
  const empty = join(dir, 'empty');
  await timed('make an empty image, unpack it', async () => {
    await newImage(createLayout(layout), 'base', new Date());
    await unpack({ image: `${layout}:base`, bundle: empty, map });
  });
  const contents = await timed('copy programs and libraries', () => fillRootfs(join(empty, 'rootfs')));
  const { layer } = await timed('repack it as the first layer', () =>
    repack({ image: `${layout}:base`, bundle: empty }),
  );
  const { programs, libraries, files, bytes } = contents;
  row('rootfs', `${programs} programs, ${libraries} libraries: ${files} files, ${showBytes(bytes)}`);
  row('image', `${layout}:base`);
  row('layer', `${layer?.digest.slice(0, 19)}… ${showBytes(layer?.size ?? 0)} compressed`);
}

async function unpackIt(): Promise<void> {
  heading('Unpacked, with a hook on every lifecycle point');
  const { entries, bytes } = await timed('unpack', () =>
    unpack({
      image: `${layout}:base`,
      bundle,
      map,
      hooks: [{ name: 'tracing', hooks: tracingHooks(line, ['/bin/sh', '-c', script]) }],
    }),
  );
  row('bundle', `${entries} entries, ${showBytes(bytes)}; the layer's digest and diffID are verified`);
}

/** @returns true if a container ran */
async function runIt(): Promise<boolean> {
  heading('Run');
  const result = await timed('run the container', () => runBundle(bundle, join(dir, 'state')));
  if (result === undefined) {
    line('skipped: neither runc nor crun is installed (apt install runc)');
  } else if (result.failure !== undefined) {
    line(`${result.runtime} cannot run it here: ${result.failure}`);
  } else {
    row(result.runtime, result.output);
  }
  return result !== undefined && result.failure === undefined;
}

function changeIt(hasRun: boolean): void {
  heading('Changed');
  const rootfs = join(bundle, 'rootfs');
  appendFileSync(join(rootfs, 'etc/motd'), 'And a changed one.\n');
  writeFileSync(join(rootfs, 'root/notes'), 'remember the milk\n');
  chmodSync(join(rootfs, 'root/notes'), 0o600);
  symlinkSync('/root/notes', join(rootfs, 'root/todo'));
  unlinkSync(join(rootfs, 'bin/sleep'));
  const wrote = hasRun ? ', and what the container wrote' : '';
  line(`a line in /etc/motd, two new files in /root, one program gone${wrote}`);
}

async function repackIt(): Promise<void> {
  heading('Repacked: the new layer holds the changes only');
  const { layer, changes } = await timed('repack, refresh the bundle', () =>
    repack({
      image: `${layout}:changed`,
      bundle,
      refreshBundle: true,
      hooks: [{ name: 'tracing', hooks: tracingHooks(line) }],
    }),
  );
  if (layer === null) throw new Error('repack found no change');
  row('layer', `${layer.digest.slice(0, 19)}… ${layer.size} bytes, of ${changes} changed paths`);
  const blob = join(layout, 'blobs', layer.digest.replace(':', '/'));
  for (const entry of await layerEntries(blob)) line(`  ${describeEntry(entry)}`);
}

async function unpackAgain(): Promise<void> {
  heading('Unpacked again, from the two layers');
  const again = join(dir, 'again');
  await timed('unpack again', () => unpack({ image: `${layout}:changed`, bundle: again, map }));
  const rootfs = join(again, 'rootfs');
  const motd = readFileSync(join(rootfs, 'etc/motd'), 'utf8').trimEnd().split('\n').at(-1);
  row('/etc/motd', `ends with “${motd}”`);
  row('/bin/sleep', existsSync(join(rootfs, 'bin/sleep')) ? 'is still there!' : 'is gone');
}

/** Without privileges, the user that runs the demo is the container's root. */
function rootlessMap(): MapOptions {
  const own = (hostID: number) => [{ containerID: 0, hostID, size: 1 }];
  return { uidMappings: own(process.geteuid!()), gidMappings: own(process.getegid!()), rootless: true };
}
