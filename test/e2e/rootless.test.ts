import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { layerhook, succeed } from '../helpers/cli.js';
import { debian } from '../helpers/debian.js';
import { buildImage } from '../helpers/image.js';
import { entriesOf } from '../helpers/layer.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { runAsUser } from '../helpers/rootless.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const dir = (name: string, mode: number, more: Partial<RawEntry> = {}): RawEntry => ({
  ...{ name, type: 'dir', mode },
  ...more,
});
const file = (name: string, mode: number, more: Partial<RawEntry> = {}): RawEntry => ({
  ...{ name, content: name, mode },
  ...more,
});

/** cap_net_raw=ep, which only root of the initial user namespace may set. */
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Files as in images of Fedora and Alpine, and modes that deny their owner access. */
const layers: RawEntry[][] = [
  [
    dir('etc', 0o755),
    file('etc/passwd', 0o644, { content: 'root:x:0:0::/:/bin/sh\n' }),
    file('etc/shadow', 0, { gid: 42, xattrs: { 'user.note': 'x' } }),
    file('etc/gshadow', 0),
    file('etc/sudoers', 0o440),
    dir('usr', 0o555),
    dir('usr/bin', 0o555),
    file('usr/bin/sudo', 0o4111),
    file('usr/bin/wall', 0o2755, { gid: 5 }),
    file('usr/bin/ping', 0o755, { xattrs: { 'security.capability': capability } }),
    dir('home', 0o700, { uid: 1234, gid: 100 }),
    file('home/secret', 0o400, { uid: 1234, gid: 100 }),
    dir('locked', 0),
    file('locked/file', 0),
    file('locked/gone', 0o644),
    { name: 'locked/link', type: 'symlink', linkname: 'file' },
    { name: 'locked/hard', type: 'hardlink', linkname: 'locked/file' },
    dir('locked/deep', 0),
    file('locked/deep/file', 0o600),
    dir('search', 0o111),
    file('search/file', 0o644),
    dir('drop', 0o333),
    file('drop/file', 0o200),
    { name: 'fifo', type: 'fifo', mode: 0 },
    { name: 'null', type: 'char', mode: 0o666, devMajor: 1, devMinor: 3 },
  ],
  [
    dir('locked', 0),
    { name: 'locked/.wh.gone', content: '' },
    file('locked/new', 0o644),
    { name: 'search/.wh..wh..opq', content: '' },
    file('search/other', 0),
    dir('drop/new', 0),
  ],
];

interface Place {
  path: string;
  /** runs a script as the user 1000 in the directory, and returns its stdout */
  run(script: string): string;
  /** the entries of the highest layer of an image, `MODE OWNER NAME` with the size of files, sorted by name */
  top(tag: string): Promise<string[]>;
}

/** A directory of the user 1000 with the layout `image`. */
function place(t: ExecutionContext<unknown>, image = layers): Place {
  return placeOf(t, buildImage(t, image, { tag: 'v1' }).layout);
}

function placeOf(t: ExecutionContext<unknown>, layout: string): Place {
  const path = tmpdir(t);
  execFileSync('cp', ['-r', layout, join(path, 'image')]);
  execFileSync('chown', ['-R', '1000:1000', path]);
  return {
    path,
    run(script) {
      const { status, stdout, stderr } = runAsUser(path, script);
      t.is(status, 0, stdout + stderr);
      return stdout;
    },
    async top(tag) {
      const stat = await succeed(
        t,
        layerhook(['stat', '--json', '--image', `${join(path, 'image')}:${tag}`]),
      );
      const { history } = JSON.parse(stat) as { history: { layer: { digest: string } | null }[] };
      const { digest } = history.findLast(({ layer }) => layer !== null)!.layer!;
      const entries = entriesOf(join(path, 'image/blobs', digest.replace(':', '/')));
      return entries
        .map(({ name, mode, owner, size = '' }) => `${mode} ${owner} ${name} ${size}`.trim())
        .sort(byName);
    },
  };
}

const byName = (a: string, b: string): number => (a.split(' ')[2]! < b.split(' ')[2]! ? -1 : 1);

/** The mode of each file, by path. */
function modesOf(rootfs: string): Map<string, string> {
  return new Map([...treeOf(rootfs)].map(([path, { mode }]) => [path, mode]));
}

/** Changes files as their owner, and restores the modes. */
const edit = `edit() (
  cd "$1"
  chmod 600 etc/shadow; echo more >>etc/shadow; chmod 0 etc/shadow
  chmod 700 locked; echo 1 >locked/added; rm locked/new; chmod 0 locked
  chmod 755 usr; echo 1 >usr/new; chmod 555 usr
  mv home house
)
`;

const edited = [
  '0755 0:0 .',
  '0000 0:0 .wh.home 0',
  '0755 0:0 etc',
  '0000 0:42 etc/shadow 15',
  '0700 1234:100 house',
  '0400 1234:100 house/secret 11',
  '0000 0:0 locked',
  '0000 0:0 locked/.wh.new 0',
  '0644 0:0 locked/added 2',
  '0555 0:0 usr',
  '0644 0:0 usr/new 2',
];

rootTest(
  'an ordinary user unpacks unreadable files as umoci does, repacks, refreshes and removes them',
  async (t) => {
    if (!requires(t, 'umoci', 'setpriv')) return;
    const { path, run, top } = place(t);
    run(`lh unpack --rootless --image image:v1 b; umoci unpack --rootless --image image:v1 u
lh repack --image image:same b`);
    const trees = [treeOf(join(path, 'b/rootfs')), treeOf(join(path, 'u/rootfs'))] as const;
    // umoci loses the attributes of files that their owner may not write
    const unwritable = ['"etc/shadow": xattrs', '"home/secret": xattrs'];
    t.deepEqual(
      diffTrees(...trees).map((line) => line.split(' ').slice(0, 2).join(' ')),
      unwritable,
    );
    const original = trees[0].get('etc/shadow')?.xattrs;
    t.deepEqual(original, { 'user.note': '78', 'user.rootlesscontainers': '08ffffffff0f102a' });
    t.deepEqual(await top('same'), await top('v1'), 'nothing changed');
    run(`${edit} edit b/rootfs`);
    const before = modesOf(join(path, 'b/rootfs'));
    run(`lh repack --image image:new b; lh repack --refresh-bundle --image image:fresh b; lh repack --image image:none b
lh raw mtree-validate -p b/rootfs -f b/*.mtree`);
    t.deepEqual(modesOf(join(path, 'b/rootfs')), before);
    for (const tag of ['new', 'fresh', 'none']) t.deepEqual(await top(tag), edited, tag);
    run(`lh insert --rootless --image image:v1 --tag all b/rootfs /all; lh bundle rm b; [ ! -e b ]`);
    t.is((await top('all')).length, before.size);
    // node 22.1 and later keep compiled code in .cache
    const left = readdirSync(path).filter((name) => name !== '.cache');
    t.deepEqual(left.sort(), ['.var', 'image', 'u']);
  },
);

/** A directory of each of many owners, with a file that only the owner may read. */
const owned: RawEntry[] = Array.from({ length: 30 }, (_, index) => ({
  uid: index * 97,
  gid: index * 13,
})).flatMap((owner) => [dir(`u${owner.uid}`, 0o700, owner), file(`u${owner.uid}/file`, 0o600, owner)]);

rootTest(
  'files of many owners: an ordinary user gets what umoci makes, with and without subuids',
  async (t) => {
    if (!requires(t, 'umoci', 'newuidmap', 'setpriv')) return;
    const { path, run, top } = place(t, [[...layers[0]!, ...owned], layers[1]!]);
    run(`mkdir -p some/closed; echo 1 >some/closed/hidden; chmod 0 some/closed
tar cf layer.tar image/oci-layout
lh raw unpack --rootless --image image:v1 raw; umoci raw unpack --rootless --image image:v1 uraw
lh insert --rootless --image image:v1 --tag ours some /in; umoci insert --rootless --image image:v1 --tag theirs some /in
for tag in ours theirs; do lh raw unpack --rootless --image image:$tag in-$tag; done
lh raw config --rootless --image image:v1 --rootfs raw ours.json
lh raw add-layer --image image:v1 --tag added layer.tar; lh config --image image:added --config.user 1234:100
export -f lh; unshare --user --map-root-user --map-auto bash -ec '
lh raw unpack --image image:v1 sub; umoci raw unpack --image image:v1 usub'`);
    const unwritable = ['"etc/shadow": xattrs', '"home/secret": xattrs'];
    const between = (a: string, b: string) =>
      diffTrees(treeOf(join(path, a)), treeOf(join(path, b))).map((line) =>
        line.split(' ').slice(0, 2).join(' '),
      );
    t.deepEqual(between('raw', 'uraw'), unwritable);
    t.deepEqual(between('sub', 'usub'), []);
    t.is(treeOf(join(path, 'sub')).get('u97/file')?.owner, '100096:100012');
    t.deepEqual(await top('ours'), ['0755 0:0 in', '0000 0:0 in/closed', '0644 0:0 in/closed/hidden 2']);
    // umoci 0.4 drops the fraction of a second
    t.deepEqual(
      between('in-ours', 'in-theirs').filter((line) => !line.endsWith(' mtime')),
      [],
    );
    t.deepEqual(await top('added'), ['0644 1000:1000 image/oci-layout 30']);
    const { linux } = JSON.parse(readFileSync(join(path, 'ours.json'), 'utf8'));
    t.deepEqual(linux.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }]);
    t.true(linux.namespaces.some(({ type }: { type: string }) => type === 'user'));
  },
);

rootTest('an ordinary user repacks an unreadable file of a bundle that umoci made', async (t) => {
  if (!requires(t, 'umoci', 'setpriv')) return;
  const { run, top } = place(t, [[dir('etc', 0o755), file('etc/shadow', 0), dir('d', 0), file('d/f', 0)]]);
  run(`umoci unpack --rootless --image image:v1 u; lh repack --image image:same u
chmod 600 u/rootfs/etc/shadow; echo more >>u/rootfs/etc/shadow; chmod 0 u/rootfs/etc/shadow
lh repack --image image:new u`);
  t.deepEqual(await top('same'), await top('v1'));
  t.deepEqual(await top('new'), ['0755 0:0 etc', '0000 0:0 etc/shadow 15']);
});

rootTest('fuse-overlayfs: unreadable files are unpacked, repacked, verified and removed', async (t) => {
  if (!requires(t, 'fuse-overlayfs', 'fusermount3', 'setpriv')) return;
  const { path, run, top } = place(t);
  const verified = run(`lh unpack --rootless --driver overlay --image image:v1 b
lh repack --image image:same b
# fuse-overlayfs itself cannot read unreadable files of the layers
mv b/rootfs/home b/rootfs/house; echo 1 >b/rootfs/etc/secret; mkdir b/rootfs/closed; echo 1 >b/rootfs/closed/file
chmod 0 b/rootfs/etc/secret b/rootfs/closed
lh repack --image image:new b; lh repack --refresh-bundle --image image:fresh b; lh repack --image image:none b
lh store verify; lh bundle rm b; lh store gc >&2; [ ! -e b ]`);
  t.deepEqual(
    verified
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': ')[1]),
    ['unchanged', 'unchanged', 'unchanged'],
  );
  t.deepEqual(await top('same'), await top('v1'));
  const changed = [
    ...['0755 0:0 .', '0000 0:0 .wh.home 0', '0000 0:0 closed', '0644 0:0 closed/file 2', '0755 0:0 etc'],
    ...['0000 0:0 etc/secret 2', '0700 1234:100 house', '0400 1234:100 house/secret 11'],
  ];
  for (const tag of ['new', 'fresh', 'none']) t.deepEqual(await top(tag), changed, tag);
  t.deepEqual(readdirSync(join(path, 'store/snapshots')), []);
});

rootTest('a mode that a killed command left changed is restored by the next command', async (t) => {
  if (!requires(t, 'strace', 'setpriv')) return;
  const { path, run, top } = place(t, [[dir('.', 0o755), dir('locked', 0), file('locked/secret', 0)]]);
  run('lh unpack --rootless --image image:v1 b');
  const rootfs = join(path, 'b/rootfs');
  const before = modesOf(rootfs);
  const left = new Set<string>();
  const repackKilledAt = (call: number) =>
    run(`strace -f -o /dev/null -e trace=fchmodat -e inject=fchmodat:signal=KILL:when=${call} \\
  /mnt/node "/mnt/package/$MAIN" repack --image image:killed b || echo killed`);
  // each call of chmod in turn: those that change a mode, and those that restore it
  let call = 1;
  for (; repackKilledAt(call) !== ''; call++) {
    for (const [name, mode] of modesOf(rootfs)) if (mode !== before.get(name)) left.add(`${mode} ${name}`);
    run('lh repack --image image:after b');
    t.deepEqual(modesOf(rootfs), before);
    t.deepEqual(await top('after'), await top('v1'));
  }
  t.true(call > 2);
  t.deepEqual([...left], ['0500 locked']);
});

rootTest(
  'root of a user namespace with subordinate IDs keeps owners; --rootless works there too',
  async (t) => {
    if (!requires(t, 'newuidmap', 'setpriv')) return;
    const { path, run, top } = place(t);
    run(`${edit} export -f edit; unshare --user --map-root-user --map-auto bash -ec '
lh unpack --image image:v1 b; lh repack --image image:same b; edit b/rootfs; lh repack --image image:new b
lh unpack --rootless --image image:v1 r; lh repack --image image:rsame r; edit r/rootfs; lh repack --image image:rnew r'`);
    t.is(treeOf(join(path, 'b/rootfs')).get('house')?.owner, '101233:100099');
    t.is(treeOf(join(path, 'r/rootfs')).get('house')?.owner, '1000:1000');
    for (const tag of ['same', 'rsame']) t.deepEqual(await top(tag), await top('v1'));
    for (const tag of ['new', 'rnew']) t.deepEqual(await top(tag), edited);
    run(`unshare --user --map-root-user --map-auto bash -ec 'lh bundle rm b r'; [ ! -e b ] && [ ! -e r ]`);
  },
);

rootTest(
  'an owner outside of the subordinate IDs is named as the reason, and needs --rootless',
  async (t) => {
    if (!requires(t, 'newuidmap', 'setpriv')) return;
    const { path, run } = place(t, [[file('alien', 0o644, { uid: 200_000 })]]);
    run(`export -f lh; unshare --user --map-root-user --map-auto bash -ec '
lh unpack --image image:v1 b 2>err && exit 1; [ ! -e b ]; lh raw unpack --rootless --image image:v1 r'`);
    const stderr = readFileSync(join(path, 'err'), 'utf8');
    t.regex(
      stderr,
      /^layerhook: [^\n]*alien: this user namespace has no mapping for its owner[^\n]*\/etc\/subuid[^\n]*\n$/,
    );
    t.is(treeOf(join(path, 'r')).get('alien')?.xattrs?.['user.rootlesscontainers'], '08c09a0c10ffffffff0f');
  },
);

rootTest('root of a user namespace without CAP_DAC_OVERRIDE reads its own files', async (t) => {
  if (!requires(t, 'setpriv')) return;
  const { path, run, top } = place(t, [
    layers[0]!.filter(({ uid }) => uid === undefined).map((entry) => ({ ...entry, gid: 0 })),
  ]);
  const caps = '-dac_override,-dac_read_search';
  run(`${edit.replace('mv home house', '')} export -f edit; unshare --user --map-root-user setpriv --bounding-set ${caps} bash -ec '
lh unpack --image image:v1 b; lh repack --image image:same b
chmod 700 b/rootfs/locked; touch b/rootfs/locked/new; chmod 0 b/rootfs/locked; lh repack --refresh-bundle --image image:first b
edit b/rootfs; lh repack --image image:new b'`);
  t.is(treeOf(join(path, 'b/rootfs')).get('etc/shadow')?.xattrs?.['user.note'], '78');
  t.deepEqual(await top('same'), await top('v1'));
  const own = edited.filter((line) => !/hom|hous|\.$/.test(line)).map((line) => line.replace('0:42', '0:0'));
  t.deepEqual(await top('new'), own);
  run(`unshare --user --map-root-user setpriv --bounding-set ${caps} bash -ec 'lh bundle rm b'; [ ! -e b ]`);
});

rootTest('an ordinary user unpacks and repacks a Debian as umoci does', async (t) => {
  const tree = debian(t);
  if (tree === null || !requires(t, 'umoci', 'setpriv')) return;
  const { path, run, top } = placeOf(t, tree.layout);
  run(`lh unpack --rootless --image image:changed b; umoci unpack --rootless --image image:changed u
lh repack --image image:same b; lh raw mtree-validate -p b/rootfs -f b/*.mtree`);
  // umoci loses the attributes of files that their owner may not write
  const differences = diffTrees(treeOf(join(path, 'b/rootfs')), treeOf(join(path, 'u/rootfs')));
  t.deepEqual(
    differences.filter((line) => !line.endsWith('/ undefined')),
    [],
  );
  t.deepEqual(await top('same'), await top('changed'));
  for (const bundle of ['b', 'u'])
    run(
      `cd ${bundle}/rootfs; rm -r usr/share/doc; echo more >>etc/shadow; mv home house; chmod 0 etc/profile; touch -d @1 etc usr usr/share . etc/shadow`,
    );
  run('lh repack --image image:lh b; umoci repack --image image:umoci u; lh bundle rm b; [ ! -e b ]');
  t.deepEqual(await top('lh'), await top('umoci'));
});
