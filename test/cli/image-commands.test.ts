import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { listTags } from '../../src/image/references.js';
import { resolveReference } from '../../src/image/resolve.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage, put, sha256, writeImageFor } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { type Outcome, runFile } from './run.js';

/** umoci 0.6 or later can be named by $UMOCI; the stat of Debian's 0.4 shows less. */
const umoci = process.env.UMOCI ?? 'umoci';
const layerhook = (...args: string[]): Outcome => runFile(mainFile, args);

test('init, new, tag, list, remove', (t) => {
  const layout = join(tmpdir(t), 'parent/layout');
  t.deepEqual(layerhook('init', '--layout', layout), { status: 0, stdout: '', stderr: '' });
  t.is(layerhook('new', '--image', `${layout}:a`).status, 0);
  t.is(layerhook('new', '--image', layout).status, 0);
  t.is(layerhook('tag', '--image', `${layout}:a`, 'b/c').status, 0);
  t.is(layerhook('ls', '--layout', layout).stdout, 'a\nlatest\nb/c\n');
  t.is(layerhook('rm', '--image', `${layout}:a`).status, 0);
  t.is(layerhook('list', '--layout', layout).stdout, 'latest\nb/c\n');
  const again = layerhook('remove', '--image', `${layout}:a`);
  t.is(again.status, 0);
  t.regex(again.stderr, /tag not found: a/);
  t.deepEqual(readdirSync(layout).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('a slow reader gets all that is printed, more than a pipe holds', (t) => {
  const { layout } = buildImage(t, [[]]);
  const file = join(layout, 'index.json');
  const index = JSON.parse(readFileSync(file, 'utf8'));
  const tags = Array.from({ length: 4000 }, (_, at) => `tag-${at}-`.padEnd(64, 'x'));
  index.manifests = tags.map((tag) => ({
    ...index.manifests[0],
    annotations: { 'org.opencontainers.image.ref.name': tag },
  }));
  writeFileSync(file, JSON.stringify(index));
  const command = '"$0" "$1" list --layout "$2" | { sleep 1; cat; }';
  const args = ['-c', command, process.execPath, mainFile, layout];
  t.is(execFileSync('sh', args, { encoding: 'utf8' }), `${tags.join('\n')}\n`);
});

test('new stamps SOURCE_DATE_EPOCH', (t) => {
  const layout = join(tmpdir(t), 'layout');
  layerhook('init', '--layout', layout);
  const args = ['new', '--image', `${layout}:a`];
  t.is(runFile(mainFile, args, { SOURCE_DATE_EPOCH: '1234567890' }).status, 0);
  t.is(resolveReference(openLayout(layout), 'a').config.created, '2009-02-13T23:31:30Z');
  const wrong = runFile(mainFile, args, { SOURCE_DATE_EPOCH: 'yesterday' });
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /SOURCE_DATE_EPOCH/);
});

test('tag copies the way to an index of several images', (t) => {
  const { layout } = buildImage(t, []);
  const INDEX = 'application/vnd.oci.image.index.v1+json';
  const [image] = openLayout(layout).readIndex().manifests;
  const index = put(
    layout,
    Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [image, image] })),
    INDEX,
  );
  const tagged = { ...index, annotations: { 'org.opencontainers.image.ref.name': 'multi', 'x.y': 'z' } };
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [tagged] }));
  t.is(layerhook('tag', '--image', `${layout}:multi`, 'copy').status, 0);
  const [, copy] = openLayout(layout).readIndex().manifests;
  t.deepEqual(copy, {
    ...tagged,
    annotations: { ...tagged.annotations, 'org.opencontainers.image.ref.name': 'copy' },
  });
});

test('gc says what it removed when asked', (t) => {
  const { layout } = buildImage(t, []);
  const garbage = put(layout, Buffer.from('garbage'), 'x/y');
  const { status, stdout, stderr } = layerhook('--log=info', 'gc', '--layout', layout);
  t.is(status, 0);
  t.is(stdout, '');
  t.regex(stderr, /removed 1 blob of 7 B/);
  t.false(openLayout(layout).hasBlob(garbage.digest));
});

test('list shows a tag that a terminal would act on as an escape', (t) => {
  const { layout } = buildImage(t, [], { tag: 'a\u001b[2Jb' });
  t.is(layerhook('ls', '--layout', layout).stdout, '"a\\x1b[2Jb"\n');
});

/** An image with something in every field that stat shows. */
function richImage(t: ExecutionContext) {
  const built = buildImage(t, [[{ name: 'a', content: 'x'.repeat(2000) }], [{ name: 'b' }]], {
    compression: 'none',
    config: {
      User: '1000:users',
      ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
      Env: ['PATH=/bin', 'EMPTY=', 'SPACE=a b', 'ODD="\u0001\u00e9\u200b'],
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['echo', ''],
      Volumes: { '/data,x': {}, '/b': {} },
      WorkingDir: '/work dir',
      Labels: { b: '1,2', a: '', 'key with space': '<&>' },
      StopSignal: 'SIGTERM',
      ArgsEscaped: true,
    },
    edit: {
      config: (config) => {
        config.created = '2020-01-01T01:02:03.450000000+01:00';
        config.author = 'Example <some@one>';
        config['os.version'] = '1.2';
        config['os.features'] = ['a', 'b c'];
        config.variant = 'v2';
        config.history = [
          { created: '2020-01-01T00:00:00.100Z', created_by: '/bin/sh -c "a\tb"', comment: 'first' },
          { created: '2020-01-01T00:00:00Z', created_by: 'ENV', author: 'x', empty_layer: true },
          { created: '2020-01-02T00:00:00+00:00', comment: 'ünicode' },
        ];
      },
      manifest: (manifest) => {
        manifest.artifactType = 'application/x.y';
        manifest.annotations = { 'org.z': 'v', 'org.a': 'one, two' };
        const [first, second] = manifest.layers;
        Object.assign(first!, { annotations: { note: 'n' }, urls: ['https://example.org/a b'] });
        const data = Buffer.from(Array.from({ length: 300 }, (_, at) => at & 0x7f));
        Object.assign(second!, { digest: sha256(data), size: 300, data: data.toString('base64') });
        manifest.subject = { ...first!, urls: [] };
      },
    },
  });
  return built.reference;
}

test('stat shows every field', (t) => {
  const { stdout, status } = layerhook('stat', '--image', richImage(t));
  t.is(status, 0);
  t.is(stdout, readFileSync('test/cli/stat.txt', 'utf8'));
});

test('stat --json has the documents unchanged', (t) => {
  const { layout, reference, config, manifest } = buildImage(t, [[{ name: 'a' }]], {
    edit: { config: (document) => void Object.assign(document, { 'x-unknown': [1, { 'a b': ' < ' }] }) },
  });
  const { stdout } = layerhook('stat', '--json', '--image', reference);
  const { descriptor, blob } = (JSON.parse(stdout) as Record<string, Record<string, unknown>>).manifest!;
  t.deepEqual(blob, manifest);
  t.deepEqual(descriptor, openLayout(layout).readIndex().manifests[0]);
  const parsed = JSON.parse(stdout) as { config: { blob: unknown }; history: object[] };
  t.deepEqual(parsed.config.blob, config);
  t.deepEqual(parsed.history, [
    { layer: manifest.layers[0], diff_id: config.rootfs.diff_ids[0], ...config.history![0] },
  ]);
  t.is(stdout.split('\n').length, 2);
});

test('stat of an image without history and of one with too much', (t) => {
  const none = buildImage(t, [[{ name: 'a' }]], { edit: { config: (config) => delete config.history } });
  t.regex(layerhook('stat', '--image', none.reference).stdout, /COMMENT\n$/);
  const more = buildImage(t, [], {
    edit: {
      config: (config) => {
        config.history = [{}];
      },
    },
  });
  t.regex(layerhook('stat', '--image', more.reference).stdout, /\n<none> <none> +<none> \n$/);
});

test('stat of an artifact', (t) => {
  const artifact = buildImage(t, [], {
    edit: {
      manifest: (manifest) => {
        manifest.config = {
          mediaType: 'application/vnd.oci.empty.v1+json',
          digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
          size: 2,
          data: 'e30=',
        };
      },
    },
  });
  const { stdout } = layerhook('stat', '--image', artifact.reference);
  t.regex(stdout, /Data: \(2 bytes\)\n\t\t\t0000: 7b7d {37}\{\}\n/);
  t.notRegex(stdout, /HISTORY/);
});

test('stat chooses by --platform', (t) => {
  const { layout } = buildImage(t, [], { tag: 'a' });
  writeImageFor('s390x', layout, 'a');
  const stat = (platform: string) => layerhook('stat', '--image', `${layout}:a`, '--platform', platform);
  t.regex(stat('linux/s390x').stdout, /Architecture: s390x/);
  t.regex(stat('riscv64').stderr, /linux\/riscv64, only for linux\/amd64, linux\/s390x/);
  t.regex(stat('/').stderr, /malformed platform \/; a platform is OS/);
});

const failures: [title: string, exit: number, message: RegExp, args: (layout: string) => string[]][] = [
  ['init over a layout', 4, /already exists/, (layout) => ['init', '--layout', layout]],
  ['init with a colon', 2, /colon/, (layout) => ['init', '--layout', `${layout}:a`]],
  ['init without a layout', 2, /--layout/, () => ['init']],
  ['new without a layout', 3, /no OCI image layout/, (layout) => ['new', '--image', `${layout}-none:a`]],
  [
    'new with a bad tag',
    2,
    /malformed reference "\.x": the tag/,
    (layout) => ['new', '--image', `${layout}:.x`],
  ],
  ['new with an argument', 2, /positional/, (layout) => ['new', '--image', layout, 'x']],
  ['tag of a missing tag', 3, /tag none is not in/, (layout) => ['tag', '--image', `${layout}:none`, 'x']],
  ['tag with a bad tag', 2, /malformed reference/, (layout) => ['tag', '--image', layout, 'a b']],
  ['tag without a tag', 2, /positional/, (layout) => ['tag', '--image', layout]],
  ['remove without an image', 2, /--image/, () => ['rm']],
  [
    'list of a directory that is not a layout',
    5,
    /invalid OCI image layout/,
    (layout) => ['ls', '--layout', join(layout, 'blobs')],
  ],
  ['stat of a missing tag', 3, /tag none is not in/, (layout) => ['stat', '--image', `${layout}:none`]],
  ['gc of a missing layout', 3, /no OCI image layout/, (layout) => ['gc', '--layout', `${layout}-none`]],
];

for (const [title, exit, message, args] of failures) {
  test(`fails, and changes nothing: ${title}`, (t) => {
    const { layout } = buildImage(t, []);
    const before = execFileSync('ls', ['-laR', '--time-style=full-iso', layout], { encoding: 'utf8' });
    const { status, stdout, stderr } = layerhook(...args(layout));
    t.is(status, exit);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.is(execFileSync('ls', ['-laR', '--time-style=full-iso', layout], { encoding: 'utf8' }), before);
    t.false(existsSync(`${layout}-none`));
    if (spawnSync(umoci).error === undefined) t.is(spawnSync(umoci, args(layout)).status, 1, 'umoci');
  });
}

test('the same commands, called as umoci, give the same statuses, layout and output', (t) => {
  if (!requires(t, umoci)) return;
  const dir = tmpdir(t);
  const script: ((layout: string) => string[])[] = [
    (layout) => ['init', '--layout', layout],
    (layout) => ['new', '--image', `${layout}:a`],
    (layout) => ['tag', '--image', `${layout}:a`, 'b'],
    (layout) => ['tag', '--image', `${layout}:b`, 'c'],
    (layout) => ['new', '--image', `${layout}:b`],
    (layout) => ['rm', '--image', `${layout}:a`],
    (layout) => ['rm', '--image', `${layout}:a`],
    (layout) => ['ls', '--layout', layout],
    (layout) => ['gc', '--layout', layout],
    (layout) => ['stat', '--image', `${layout}:none`],
  ];
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1' };
  const link = join(dir, 'umoci');
  symlinkSync(mainFile, link);
  for (const step of script) {
    const theirs = spawnSync(umoci, step(join(dir, 'theirs')), { encoding: 'utf8', env });
    const ours = runFile(link, step(join(dir, 'ours')), env);
    t.is(ours.status, theirs.status, step('').join(' '));
    t.is(ours.stdout, theirs.stdout, step('').join(' '));
  }
  const [ours, theirs] = ['ours', 'theirs'].map((name) => openLayout(join(dir, name)));
  t.deepEqual(listTags(ours!), listTags(theirs!));
  // 0.4 does not know SOURCE_DATE_EPOCH
  if (isOld()) return;
  t.is(ours!.blobs().length, theirs!.blobs().length);
  const index = ({ path }: { path: string }) => readFileSync(join(path, 'index.json'), 'utf8');
  t.is(index(ours!), index(theirs!));
});

test('stat is what umoci shows', (t) => {
  if (!requires(t, umoci)) return;
  const rich = richImage(t);
  const { reference: plain } = buildImage(t, [[{ name: 'a' }]]);
  for (const args of [
    ['stat', '--json', '--image', plain],
    ['stat', '--json', '--image', rich],
    ['stat', '--image', plain],
    ['stat', '--image', rich],
  ]) {
    const theirs = spawnSync(umoci, args, { encoding: 'utf8' });
    t.is(theirs.status, 0, theirs.stderr);
    const ours = layerhook(...args).stdout;
    if (!isOld()) t.is(ours, theirs.stdout);
    else if (args.includes('--json')) {
      const history = (text: string) => (JSON.parse(text) as { history: unknown[] }).history;
      t.is(history(ours).length, history(theirs.stdout).length);
    } else t.is(lastTable(ours).length, lastTable(theirs.stdout).length);
  }
});

function lastTable(text: string): string[] {
  return text.slice(text.indexOf('LAYER')).split('\n');
}

function isOld(): boolean {
  return / 0\.4\./.test(spawnSync(umoci, ['--version'], { encoding: 'utf8' }).stdout);
}
