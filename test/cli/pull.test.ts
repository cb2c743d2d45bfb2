import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { layerhook, mainFile } from '../helpers/cli.js';
import { errorLine } from '../helpers/error-line.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

function workplace(t: ExecutionContext) {
  const data = tmpdir(t);
  const env = { XDG_CONFIG_HOME: '/nonexistent', XDG_DATA_HOME: data };
  const run = (...args: string[]) => runFile(mainFile, args, env);
  return { layout: join(data, 'layerhook/images'), bundle: join(tmpdir(t), 'bundle'), run };
}

/** Makes an image that skopeo finds in a directory of blobs. */
function foreignImage(t: ExecutionContext): string {
  const { reference } = buildImage(t, [[{ name: 'etc/motd', content: 'hello' }]]);
  const directory = join(tmpdir(t), 'image');
  execFileSync('skopeo', ['copy', '--quiet', `oci:${reference}`, `dir:${directory}`]);
  return directory;
}

test('unpack --pull copies with skopeo, and repack --tag finds the layout again', (t) => {
  if (!requires(t, 'skopeo')) return;
  const { layout, bundle, run } = workplace(t);
  const directory = foreignImage(t);
  const unpacked = run('unpack', '--pull', `dir:${directory}`, bundle);
  t.is(unpacked.status, 0, unpacked.stderr);
  t.is(readFileSync(join(bundle, 'rootfs/etc/motd'), 'utf8'), 'hello');
  t.regex(unpacked.stderr, /Copying blob/, "skopeo's progress is shown");
  t.is(unpacked.stdout, '');

  writeFileSync(join(bundle, 'rootfs/etc/motd'), 'changed');
  const repacked = run('repack', '--tag', 'mine', bundle);
  t.is(repacked.status, 0, repacked.stderr);
  const tags = run('ls', '--layout', layout).stdout.split('\n');
  t.deepEqual(tags.slice(0, 2), [directory.slice(1), 'mine'], 'the tag says where the image came from');
});

test("a failure of skopeo is one line after skopeo's own, and leaves no bundle", (t) => {
  if (!requires(t, 'skopeo')) return;
  const { bundle, run } = workplace(t);
  const { status, stderr } = run('unpack', '--pull', 'dir:/nonexistent', bundle);
  t.is(status, 11);
  t.regex(stderr, /layerhook: cannot copy dir:\/nonexistent: skopeo ended with status 1; its messages above/);
  t.false(existsSync(bundle));
});

test('without skopeo, --pull says how to get it', (t) => {
  const { bundle } = workplace(t);
  const { status, stderr } = runFile(mainFile, ['unpack', '--pull', 'docker://debian:12', bundle], {
    XDG_CONFIG_HOME: '/nonexistent',
    PATH: '/nonexistent',
  });
  t.is(status, 11);
  t.regex(stderr, errorLine('PULL_FAILED'));
  t.regex(stderr, /cannot copy docker:\/\/debian:12: skopeo is not installed; .*apt install skopeo/);
});

const names: readonly [value: string, answer: RegExp][] = [
  ['debian:12', /registry may have.*skopeo copy docker:\/\/debian:12 oci:images:debian:12/],
  ['docker://debian:12', /image of a registry; .*skopeo copy docker:\/\/debian:12 oci:images:debian:12/],
  [
    'docker://quay.io/a/b@sha256:00',
    /skopeo copy docker:\/\/quay.io\/a\/b@sha256:00 oci:images:quay.io\/a\/b@/,
  ],
  ['docker-daemon:web:1', /docker daemon; .*skopeo copy docker-daemon:web:1 oci:images:web:1/],
  ['containers-storage:localhost/web', /podman.*skopeo copy containers-storage:localhost\/web/],
  ['oci:dir:tag', /give the path without oci: dir:tag/],
  ['No/Such:tag', /no OCI image layout at No\/Such/],
  ['oci-archive:missing.tar:a', /no OCI image layout at oci-archive:missing.tar/],
  ['image:latest', /no OCI image layout at image; create one with: layerhook init/],
  ['./images:debian', /no OCI image layout at \.\/images/],
  [
    'images:debian:12',
    /the directory images is missing; change to .*skopeo copy docker:\/\/debian:12 oci:images:debian:12, .*--pull docker:\/\/debian:12 /,
  ],
];

for (const command of [
  ['inspect'],
  ['ls-files'],
  ['validate'],
  ['diff', 'docker://alpine:3'],
  ['cat', 'etc/motd'],
])
  test(`${command[0]} says how to read an image of a registry`, (t) => {
    const { run } = workplace(t);
    const [name = '', ...rest] = command;
    const args = name === 'cat' ? ['docker://debian:12', ...rest] : [...rest, 'docker://debian:12'];
    const { status, stderr } = run(name, ...args);
    t.is(status, 2);
    t.regex(stderr, /is an image of a registry; .*skopeo copy docker:/);
    t.is(stderr.trimEnd().split('\n').length, 1);
  });

test('an argument that no image can have as its name does not hide the error', (t) => {
  const { run } = workplace(t);
  const { reference, layout } = buildImage(t, [[{ name: 'etc/motd', content: 'hello' }]]);
  const bundle = join(tmpdir(t), 'bundle:');
  t.is(run('unpack', '--rootless', '--image', reference, bundle).status, 0);
  rmSync(layout, { recursive: true });
  const { status, stderr } = run('repack', '--tag', 'x', bundle);
  t.is(status, 3);
  t.regex(stderr, errorLine('LAYOUT_NOT_FOUND'));
});

for (const [value, answer] of names)
  test(`--image ${value} is refused with the right form`, (t) => {
    const { bundle, run } = workplace(t);
    const { status, stderr } = run('unpack', '--image', value, bundle);
    t.is(status, /^no OCI/.test(answer.source) ? 3 : 2);
    t.regex(stderr, answer);
    t.is(stderr.trimEnd().split('\n').length, 1);
  });

test('an image that is given as an argument is answered with the right command line', (t) => {
  const { bundle, run } = workplace(t);
  const { reference, layout } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const cases: [args: string[], right: string][] = [
    [['unpack', 'debian:12', bundle], `unpack --pull docker://debian:12 ${bundle}`],
    [['unpack', 'docker://debian', bundle], `unpack --pull docker://debian ${bundle}`],
    [['unpack', reference, bundle], `unpack --image ${reference} ${bundle}`],
    [['unpack', `oci:${reference}`, bundle], `unpack --image ${reference} ${bundle}`],
    [['unpack', layout, bundle], `unpack --image ${layout} ${bundle}`],
    [['unpack', 'images:debian', bundle], `unpack --image images:debian ${bundle}`],
    [['unpack', 'oci-archive:x.tar', bundle], `unpack --image oci-archive:x.tar ${bundle}`],
    [['flatten', 'debian:12'], 'flatten --image debian:12'],
    [['tag', 'images:a', 'b'], 'tag --image images:a b'],
    [['export', reference, 'a.tar'], `export --image ${reference} --output a.tar`],
    [['ls', layout], `list --layout ${layout}`],
    [['init', 'new'], 'init --layout new'],
    [['gc', 'oci-archive:x.tar'], 'gc --layout oci-archive:x.tar'],
  ];
  for (const [args, right] of cases) {
    const { status, stderr } = run(...args);
    t.is(status, 2);
    t.true(stderr.includes(`is given as an argument; write layerhook ${right}; see `), stderr);
    t.is(stderr.trimEnd().split('\n').length, 1);
  }
  t.regex(run('unpack', 'one', 'two').stderr, /invalid number of positional arguments: expected <bundle>/);
  t.regex(run('unpack', 'a:1', 'b', 'c').stderr, /invalid number of positional arguments/);
});

test('an error about another layout or tag does not blame --image', async (t) => {
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const run = async (...args: string[]) => (await layerhook(args, { cwd: dirname(layout) })).stderr;
  const image = `${basename(layout)}:latest`;
  t.regex(
    await run('rebase', '--image', image, '--old', 'other:1', '--new', image),
    /no OCI image layout at other;/,
  );
  t.regex(await run('tag', '--image', image, 'a b'), /malformed reference "a b"/);
});

test('each of unpack and repack needs to know its image, once', (t) => {
  const { bundle, run } = workplace(t);
  t.regex(run('unpack', bundle).stderr, /missing mandatory argument: --image or --pull/);
  t.regex(run('unpack', '--image', 'a', '--pull', 'b', bundle).stderr, /may not be specified together/);
  t.regex(run('repack', bundle).stderr, /missing mandatory argument: --image or --tag/);
});

test('repack --tag needs a bundle that names its layout', (t) => {
  if (!requires(t, 'umoci')) return;
  const { bundle, run } = workplace(t);
  const { reference } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  const rootless = process.geteuid?.() === 0 ? [] : ['--rootless'];
  execFileSync('umoci', ['unpack', ...rootless, '--image', reference, bundle]);
  const { status, stderr } = run('repack', '--tag', 'new', bundle);
  t.is(status, 3);
  t.regex(stderr, errorLine('BUNDLE_LAYOUT'));
  t.regex(stderr, /does not say from which layout.*--image LAYOUT:TAG/);
});

test('mistyped commands and tags are answered with the nearest name', (t) => {
  const { bundle, run } = workplace(t);
  const { layout } = buildImage(t, [[{ name: 'a', content: 'a' }]]);
  t.regex(run('unpak').stderr, /unknown command unpak \(did you mean unpack\?\)/);
  t.regex(run('store', 'lss').stderr, /unknown command store lss \(did you mean ls\?\)/);
  t.regex(run('unpack', '--image', `${layout}:lates`, bundle).stderr, /tag lates .*did you mean latest\?/);
});

test('an interrupted pull keeps its lock until skopeo has ended', async (t) => {
  if (!requires(t, 'flock')) return;
  const programs = tmpdir(t);
  const data = tmpdir(t);
  const slow = `#!/bin/sh
trap 'sleep 1; flock -n ${data}/layerhook/images true || touch ${programs}/locked; exit 1' TERM
touch ${programs}/started
while :; do sleep 0.1; done
`;
  writeFileSync(join(programs, 'skopeo'), slow, { mode: 0o755 });
  const interrupt = async (pid: number) => {
    while (!existsSync(join(programs, 'started'))) await sleep(50);
    process.kill(pid, 'SIGINT');
  };
  const { status } = await layerhook(['unpack', '--pull', 'docker://debian:12', join(data, 'bundle')], {
    env: { XDG_DATA_HOME: data, PATH: `${programs}:${process.env.PATH}` },
    started: interrupt,
  });
  t.is(status, 130);
  t.true(existsSync(join(programs, 'locked')));
});
