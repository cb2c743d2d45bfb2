import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { mainFile } from '../helpers/cli.js';
import { buildImage, writeImage } from '../helpers/image.js';
import { tmpdir } from '../helpers/tmp.js';
import { addReferrer } from '../image/tars.js';
import { runFile } from './run.js';

const layerhook = (...args: string[]) => runFile(mainFile, args);

test('copy to a tar and back, with the names of skopeo; ls, stat, tag, rm and gc of a tar', (t) => {
  const { reference, layout } = buildImage(t, [[{ name: 'a' }]], { tag: 'v1' });
  const tar = `oci-archive:${join(tmpdir(t), 'x.tar')}`;
  const copied = layerhook('--verbose', 'copy', '--all', `oci:${reference}`, tar);
  t.is(copied.status, 0, copied.stderr);
  t.regex(copied.stderr, /copied .*:v1 to oci-archive:.* blobs=3 bytes=\S+ \S+ present=0/);
  t.is(layerhook('ls', '--layout', tar).stdout, 'v1\n');
  t.is(layerhook('stat', '--image', `${tar}:v1`).stdout, layerhook('stat', '--image', reference).stdout);
  t.is(layerhook('tag', '--image', `${tar}:v1`, 'v2').status, 0);
  t.is(layerhook('rm', '--image', `${tar}:v1`).status, 0);
  t.regex(layerhook('--verbose', 'gc', '--layout', tar).stderr, /removed 0 blobs/);
  t.is(layerhook('cp', tar, `${layout}:back`).status, 0);
  t.is(layerhook('ls', '--layout', layout).stdout, 'v1\nback\n');
  t.is(layerhook('init', '--layout', `${tar}2`).status, 0);
  t.is(layerhook('ls', '--layout', `${tar}2`).stdout, '');
});

test('copy writes a tar to standard output, as skopeo does, and leaves nothing behind', (t) => {
  const { reference } = buildImage(t, [[{ name: 'a', content: 'a'.repeat(1_000_000) }]], { tag: 'v1' });
  const dir = tmpdir(t);
  const run = (script: string, ...args: string[]) =>
    spawnSync('bash', ['-c', script, process.execPath, mainFile, 'copy', ...args], {
      encoding: 'utf8',
      cwd: dir,
      env: { ...process.env, TMPDIR: dir },
    });
  for (const [target, tag] of [
    ['oci-archive:/dev/stdout', 'v1'],
    ['oci-archive:/dev/fd/1:v2', 'v2'],
    ['oci-archive:/proc/self/fd/1', 'v1'],
  ] as const) {
    for (const script of ['"$0" "$@" | cat > tar', '"$0" "$@" > tar']) {
      const { status, stderr } = run(script, reference, target);
      t.deepEqual([status, stderr], [0, '']);
      const tar = `oci-archive:${join(dir, 'tar')}:${tag}`;
      t.is(
        layerhook('stat', '--image', tar).stdout.replace(tag, 'v1'),
        layerhook('stat', '--image', reference).stdout,
      );
      t.deepEqual(readdirSync(dir), ['tar']);
    }
  }
  const closed = run('set -o pipefail; "$0" "$@" | head -c 3 > tar', reference, 'oci-archive:/dev/stdout');
  t.deepEqual([closed.status, closed.stderr, readdirSync(dir)], [0, '', ['tar']]);
  const both = run('"$0" "$@" | cat', '--json', reference, 'oci-archive:/dev/stdout');
  t.deepEqual([both.stdout, readdirSync(dir)], ['', ['tar']]);
  t.regex(both.stderr, /a tar cannot go to the output of --json/);
  t.regex(
    run('"$0" "$@"', reference, 'oci-archive:/dev/null').stderr,
    /cannot write to oci-archive:\/dev\/null: it is not/,
  );
});

test('wrong uses of copy and index are one clear line', (t) => {
  const { reference, layout } = buildImage(t, []);
  const target = join(tmpdir(t), 'target');
  const wrong: [args: string[], message: RegExp, exit?: number][] = [
    [['copy', reference], /missing|expected 2|positional/],
    [['copy', '--all-tags', reference, target], /--all-tags copies every tag: .* may not have one/],
    [['copy', '--platform', 'linux/amd64', '--all', reference, target], /may not be specified together/],
    [['copy', `${layout}:none`, target], /tag none is not in/, 3],
    [
      ['copy', 'oci-archive:/nonexistent/x.tar', target],
      /no OCI image layout at oci-archive:\/nonexistent\/x.tar/,
      3,
    ],
    [
      ['copy', reference, `docker-archive:${target}`],
      /a docker-archive can only be read; copy the image/,
      11,
    ],
    [['index', 'add', '--image', `${layout}:multi`], /missing argument: IMAGE/],
    [['index', 'rm', '--image', `${layout}:multi`], /missing argument: PLATFORM or DIGEST/],
    [['index', 'ls', '--image', reference], /tag latest names one image .*, not an index; .*index add/],
    [
      ['index', 'add', '--platform', 'x', '--image', `${layout}:m`, reference, reference],
      /needs a single IMAGE/,
    ],
  ];
  for (const [args, message, exit = 2] of wrong) {
    const { status, stderr } = layerhook(...args);
    t.is(status, exit, args.join(' '));
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1, stderr);
  }
  t.false(existsSync(target));
});

test('index add, ls and rm; stat shows referrers, gc keeps them', (t) => {
  const { layout, reference } = buildImage(t, [[{ name: 'a' }]]);
  const edit = {
    config: (config: { architecture?: string }) => void Object.assign(config, { architecture: 'arm64' }),
  };
  writeImage(layout, [[{ name: 'b' }]], { tag: 'arm', edit });
  const multi = `${layout}:multi`;
  t.is(layerhook('index', 'add', '--image', multi, reference, `${layout}:arm`).status, 0);
  const rows = layerhook('index', 'ls', '--image', multi).stdout.split('\n');
  t.regex(rows[0]!, /^PLATFORM +KIND +DIGEST +SIZE$/);
  t.regex(rows[2]!, /^linux\/arm64 +image +sha256:\S{64} +\d+ B$/);
  const [entry] = JSON.parse(layerhook('index', 'ls', '--json', '--image', multi).stdout);
  t.like(entry, { kind: 'image', platform: { os: 'linux', architecture: 'amd64' } });
  t.is(layerhook('index', 'rm', '--image', multi, 'linux/arm64', entry.digest).status, 0);
  t.is(layerhook('index', 'ls', '--image', multi).stdout.split('\n').length, 2);

  t.notRegex(layerhook('stat', '--image', reference).stdout, /REFERRERS/);
  const digest = addReferrer(layout, entry, 'signed');
  t.is(layerhook('gc', '--layout', layout).status, 0);
  t.regex(
    layerhook('stat', '--image', reference).stdout,
    new RegExp(
      `== REFERRERS ==\nDescriptor:\n.*\n\tArtifact Type: application/vnd.example.signature\n\tDigest: ${digest}`,
    ),
  );
  t.is(JSON.parse(layerhook('stat', '--json', '--image', reference).stdout).referrers[0].digest, digest);
});
