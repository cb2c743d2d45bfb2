import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mainFile } from '../helpers/cli.js';
import { buildImage, writeImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';
import { addReferrer } from '../image/tars.js';
import { runFile } from './run.js';

/** The rows of docs/json.md: the words in backticks of the fields, by command. */
const documented = new Map(
  [
    ...readFileSync('docs/json.md', 'utf8').matchAll(
      /^\| (`[a-z -]+`(?:, `[a-z -]+`)*) \|[^|]*\| (.*) \|$/gm,
    ),
  ].flatMap(([, names, fields]) =>
    names!.split(', ').map((name) => [name.slice(1, -1), wordsOf(fields!)] as const),
  ),
);

function wordsOf(fields: string): string[] {
  return [...fields.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
}

const descriptor = ['mediaType', 'digest', 'size', 'annotations', 'platform', 'artifactType'];
const shared: Record<string, readonly string[]> = {
  ...{ manifest: descriptor, layer: descriptor, index: descriptor, entries: descriptor },
  ...{ platform: ['os', 'architecture', 'variant'] },
  ...{ map: ['uidMappings', 'gidMappings', 'rootless', 'containerID', 'hostID'], usage: ['size', 'inodes'] },
};
/** Fields whose keys belong to the image, the user or hook-protocol.md. */
const open = ['annotations', 'labels', 'env', 'options', 'context'];
const files = () => documented.get('ls-files')!;
/** Fields of a row that docs/json.md says by naming another row. */
const also: Record<string, () => readonly string[]> = {
  'ls-files --layer': files,
  diff: files,
  'store verify': () => documented.get('raw mtree-validate')!,
  'store gc': () => documented.get('bundle ls')!,
};

/** Lists all keys in a document, with the path to each. */
function* keysOf(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const element of value) yield* keysOf(element, path);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    yield [...path, key];
    if (!open.includes(key)) yield* keysOf(inner, [...path, key]);
  }
}

/** Runs commands with --json, and checks that docs/json.md describes every key, and that each prints one. */
function check(t: ExecutionContext<unknown>, commands: [row: string, args: string[]][]): void {
  const seen = new Map<string, Set<string>>();
  const unknown = new Set<string>();
  for (const [row, args] of commands) {
    const { stdout, stderr } = runFile(mainFile, [
      ...row.replace(' --layer', '').split(' '),
      '--json',
      ...args,
    ]);
    t.notThrows(() => JSON.parse(stdout), `${row} ${args}: ${stdout}${stderr}`);
    const known = new Set([...documented.get(row)!, ...(also[row]?.() ?? [])]);
    const found = seen.get(row) ?? new Set<string>();
    seen.set(row, found);
    for (const path of keysOf(JSON.parse(stdout))) {
      // a name that is not UTF-8
      const key = path.at(-1)!.replace(/^(path|link)Base64$/, '$1');
      found.add(key);
      const isKnown = known.has(key) || path.some((above) => shared[above]?.includes(key));
      if (!isKnown) unknown.add(`${row}: ${path.join('.')}`);
    }
  }
  t.deepEqual([...unknown], [], 'docs/json.md does not describe them');
  for (const [row, found] of seen) t.true(found.size > 0, `${row} printed no field`);
}

const layers = [
  [
    { name: 'etc', type: 'dir' as const },
    { name: 'etc/a', content: 'a', xattrs: { 'user.x': '1' } },
    { name: 'etc/hard', type: 'hardlink' as const, linkname: 'etc/a' },
    { name: 'etc/link', type: 'symlink' as const, linkname: 'a' },
    { name: 'null', type: 'char' as const, devMajor: 1, devMinor: 3 },
    { name: 'odd\xff', content: '' },
  ],
  [
    { name: 'etc/.wh.a', content: '' },
    { name: 'etc/b', content: 'b' },
  ],
];

/** Image `v1` with all types of files, `v2`, the index `multi`, and a referrer. */
function image(t: ExecutionContext<unknown>): string {
  const { layout } = buildImage(t, layers, { tag: 'v1' });
  writeImage(layout, [layers[0]!, [{ name: 'etc/a', content: 'other', mode: 0o600 }]], { tag: 'v2' });
  const { stderr, status } = runFile(mainFile, [
    ...['index', 'add', '--image', `${layout}:multi`, `${layout}:v1`],
  ]);
  t.is(status, 0, stderr);
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  addReferrer(layout, manifests[0], 'signature');
  return layout;
}

test('the JSON of the commands that look into images has the fields of docs/json.md', (t) => {
  const layout = image(t);
  const mtree = join(tmpdir(t), 'mtree');
  writeFileSync(mtree, '#mtree\n. type=dir mode=0700\n    gone type=file\n..\n');
  check(t, [
    ['ls', ['--layout', layout]],
    ['index ls', ['--image', `${layout}:multi`]],
    ['ls-files', [`${layout}:v1`]],
    ['ls-files --layer', ['--layer', '0', `${layout}:v1`]],
    ['ls-files --layer', ['--layer', '1', `${layout}:v1`]],
    ['diff', ['--times', `${layout}:v1`, `${layout}:v2`]],
    ['inspect', [`${layout}:v1`]],
    ['inspect', ['--ci', '--lowest-efficiency', '1', `${layout}:v2`]],
    ['raw mtree-validate', ['--manifest', mtree, '--path', tmpdir(t)]],
    ['doctor', []],
    ['hooks list', []],
    ['ctk status', []],
    ['ctk snapshotter status', ['--config', join(tmpdir(t), 'config.toml')]],
  ]);
  rmSync(join(layout, 'blobs/sha256'), { recursive: true });
  mkdirSync(join(layout, 'blobs/sha256'));
  check(t, [['validate', [layout]]]);
});

test('the JSON of the commands that make images has the fields of docs/json.md', (t) => {
  const layout = image(t);
  const dir = tmpdir(t);
  const tar = join(dir, 'rootfs.tar');
  runFile(mainFile, ['export', '--image', `${layout}:v1`, '--output', tar]);
  const made = ['--image', `${layout}:v1`, '--tag', 'made'];
  check(t, [
    ['import', ['--image', `${join(dir, 'new')}:v1`, tar]],
    ['raw add-layer', [...made, tar]],
    ['insert', [...made, tar, '/tar']],
    ['config', [...made, '--author', 'me']],
    ['flatten', made],
    ['squash', [...made, '--from', '0']],
    ['rebase', [...made, '--old', `${layout}:v1`, '--new', `${layout}:v2`]],
    ['index add', ['--image', `${layout}:multi`, `${layout}:v2`]],
    ['copy', [`${layout}:v1`, join(dir, 'copy')]],
    ['gc', ['--layout', layout]],
  ]);
});

rootTest('the JSON of the commands that change bundles and the store has the fields of docs/json.md', (t) => {
  const layout = image(t);
  const dir = tmpdir(t);
  const store = ['--store', join(dir, 'store')];
  const bundle = join(dir, 'bundle');
  const hooks = join(dir, 'hooks.toml');
  writeFileSync(
    hooks,
    '[[hook]]\npoint = "unpack.ociv1.layer.try-skip"\nexec = ["/bin/true"]\nenv = ["A=b"]\n',
    { mode: 0o644 },
  );
  t.teardown(() => runFile(mainFile, ['bundle', 'rm', '--force', ...store, bundle]));
  check(t, [
    ['hooks list', ['--hooks', hooks]],
    ['hooks check', ['--hooks', hooks]],
    ['unpack', [...store, '--driver', 'overlay', '--image', `${layout}:v1`, bundle]],
  ]);
  writeFileSync(join(bundle, 'rootfs/new'), 'new');
  check(t, [
    ['repack', [...store, '--image', `${layout}:v3`, bundle]],
    ['bundle ls', store],
    ['store ls', store],
    ['store du', store],
    ['store df', store],
    ['store verify', store],
  ]);
  t.is(runFile(mainFile, ['bundle', 'umount', ...store, bundle]).status, 0);
  rmSync(bundle, { recursive: true });
  check(t, [['store gc', [...store, '--missing-bundles']]]);
});
