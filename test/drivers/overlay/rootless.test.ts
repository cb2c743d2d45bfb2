import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fixture } from '../../cli/run.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { runRootless } from '../../helpers/rootless.js';
import { tmpdir } from '../../helpers/tmp.js';

const main = join(dirname(fixture), '../../src/cli/main.js');

const layers = [
  [
    { name: 'etc', type: '5', mode: 0o755 },
    { name: 'etc/motd', content: 'low' },
    { name: 'etc/gone', content: 'low' },
    { name: 'hidden', type: '5', mode: 0o755 },
    { name: 'hidden/low', content: 'low' },
  ],
  [
    { name: 'etc/.wh.gone', content: '' },
    { name: 'hidden', type: '5', mode: 0o755 },
    { name: 'hidden/.wh..wh..opq', content: '' },
    { name: 'hidden/high', content: 'high' },
  ],
];

/** Runs a shell script in a directory of the user, with `$IMAGE`, and `lh` for layerhook. */
function run(t: ExecutionContext, script: string, { wrapper = [] as string[], env = {} } = {}): string[] {
  const dir = tmpdir(t);
  const image = buildImage(t, layers, { tag: 'v1' });
  // repack writes to it
  execFileSync('cp', ['-r', image.layout, join(dir, 'image')]);
  execFileSync('chown', ['-R', '1000:1000', dir]);
  const head = `set -e; cd '${dir}'; IMAGE=image:v1; lh() { PATH="\${LH_PATH-$PATH}" '${process.execPath}' '${main}' "$@"; }\n`;
  const output = runRootless([...wrapper, 'sh', '-c', head + script], {
    ...{ LAYERHOOK_STORE: join(dir, 'store'), HOME: dir, XDG_CONFIG_HOME: dir },
    ...env,
  });
  return output.trimEnd().split('\n');
}

/** What a bundle of these layers has, what a repack of it finds, and what is left of it in the end. */
const life = `
find bundle/rootfs -mindepth 1 | sort
rm bundle/rootfs/etc/motd
rm -r bundle/rootfs/hidden
mkdir bundle/rootfs/hidden
echo new >bundle/rootfs/hidden/new
lh repack --image image:v2 bundle
tar -tf image/blobs/sha256/$(lh stat --image image:v2 --json | jq -r '.history[-1].layer.digest' | cut -d: -f2) | grep -v '^./$' | sort
lh bundle umount bundle
lh bundle mount bundle
cat bundle/rootfs/hidden/new
mkdir empty
lh unpack --rootless --driver overlay --image image:v2 empty
find empty/rootfs -mindepth 1 | sort
lh bundle rm bundle empty
ls
`;

const seen = [
  ...['bundle/rootfs/etc', 'bundle/rootfs/etc/motd', 'bundle/rootfs/hidden', 'bundle/rootfs/hidden/high'],
  ...['etc/', 'etc/.wh.motd', 'hidden/', 'hidden/.wh.high', 'hidden/new'],
  'new',
  ...['empty/rootfs/etc', 'empty/rootfs/hidden', 'empty/rootfs/hidden/new'],
  ...['image', 'store'],
];

const unpack = 'lh unpack --rootless --driver overlay --image $IMAGE bundle 2>&1\n';
const mountType = `grep " $PWD/bundle/rootfs " /proc/self/mountinfo | sed 's/.* - //' | cut -d' ' -f1\n`;

test('without root a bundle is mounted by fuse-overlayfs, repacked and removed', (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs', 'fusermount3', 'setpriv', 'jq')) return;
  t.deepEqual(run(t, unpack + mountType + life), ['fuse.fuse-overlayfs', ...seen]);
});

/** Writes through a descriptor and a mapping, says so, and keeps both open. No child closes them: that would flush. */
const writer = `import mmap, os, signal
held = os.open('bundle/rootfs/etc/motd', os.O_RDWR)
os.pwrite(held, b'HELD', 0)
mapped = mmap.mmap(os.open('bundle/rootfs/hidden/high', os.O_RDWR), 0)
mapped[0:4] = b'MAPS'
open('ready', 'w').close()
signal.pause()`;

test('unwritten data of open and mapped files on fuse-overlayfs is in the layer', (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs', 'fusermount3', 'setpriv', 'python3')) return;
  const repack = `mkfifo ready; python3 -c "${writer}" & cat ready; lh repack --image image:v2 bundle; kill $!; wait || true\n`;
  const unpackAgain = 'lh unpack --rootless --image image:v2 again\n';
  const show = 'cat again/rootfs/etc/motd again/rootfs/hidden/high; lh bundle rm bundle';
  t.deepEqual(run(t, unpack + mountType + repack + unpackAgain + show), ['fuse.fuse-overlayfs', 'HELDMAPS']);
});

test('in a user namespace a bundle is mounted by the kernel, repacked and removed', (t) => {
  if (!requires(t, 'root', 'setpriv', 'jq')) return;
  const wrapper = ['unshare', '--user', '--map-root-user', '--mount'];
  t.deepEqual(run(t, unpack + mountType + life, { wrapper }), ['overlay', ...seen]);
});

/** Prints the types and names in the layer `image:v2`, each link with its target. */
const listed = `tar -tvf image/blobs/sha256/$(lh stat --image image:v2 --json | jq -r '.history[-1].layer.digest' | cut -d: -f2) |
  sed -E 's/^(.).* [0-9]{2}:[0-9]{2} /\\1 /'\n`;

for (const driver of ['overlay', 'erofs'])
  test(`in a user namespace ${driver} packs new hard links to lower files as links`, (t) => {
    if (!requires(t, 'root', 'setpriv', 'jq')) return;
    const wrapper = ['unshare', '--user', '--map-root-user', '--mount'];
    const edit = `cd bundle/rootfs; ln etc/motd etc/a; ln etc/motd new; ln hidden/high zzz; ln etc/a later
[ $(stat -c %i etc/motd) != $(stat -c %i new) ] && echo other inode; cd ../..
lh repack --image image:v2 bundle\n`;
    const again = `mkdir again; lh raw unpack --rootless --image image:v2 again/rootfs; cd again/rootfs
stat -c '%n %h' etc/a etc/motd later new hidden/high zzz; cat new zzz\n`;
    const lines = run(t, unpack.replace('driver overlay', `driver ${driver}`) + edit + listed + again, {
      wrapper,
    });
    t.deepEqual(lines.slice(lines.indexOf('other inode')), [
      ...[
        'other inode',
        'd ./',
        'd etc/',
        '- etc/a',
        'h etc/motd link to etc/a',
        'd hidden/',
        '- hidden/high',
      ],
      ...['h later link to etc/a', 'h new link to etc/a', 'h zzz link to hidden/high'],
      ...['etc/a 4', 'etc/motd 4', 'later 4', 'new 4', 'hidden/high 2', 'zzz 2', 'lowhigh'],
    ]);
  });

test('without overlay mounts, a bundle is a plain directory, with a note', (t) => {
  if (!requires(t, 'root', 'setpriv', 'jq')) return;
  // fuse-overlayfs is not found there
  const [note, ...lines] = run(t, `LH_PATH=/no/such\n${unpack}${life}`);
  t.regex(
    note!,
    /overlays cannot be mounted, .* plain directory: only root .*fuse-overlayfs is not installed/,
  );
  t.deepEqual(
    lines.filter((line) => !line.includes('overlays cannot be mounted')),
    seen.filter((line) => line !== 'store'),
  );
});

test('without root a mounted rootfs cannot go into a directory with other files, by force either', (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs', 'fusermount3', 'setpriv')) return;
  const script = `mkdir bundle; echo mine >bundle/notes; ${unpack.trim().replace('unpack', 'unpack --force')} || true; ls -A bundle; lh bundle ls`;
  const [error, ...rest] = run(t, script);
  t.regex(error!, /cannot mount rootfs at .*not permitted; name a bundle directory that is new or empty/);
  t.deepEqual(rest, ['notes', 'STATE  IMAGE  CHANGES  BUNDLE']);
});
