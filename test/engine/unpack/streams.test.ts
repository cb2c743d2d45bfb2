import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import {
  type CheckedEntry,
  type Hooks,
  isLayerhookError,
  type PreExtractResult,
  type UnpackOptions,
  unpack,
} from '../../../src/index.js';
import { dir, file, hardlink, symlink } from '../../../src/testing/entries.js';
import { tar } from '../../../src/testing/tar.js';
import { type BuiltImage, buildImage, type ImageOptions, type RawLayer } from '../../helpers/image.js';
import { rootTest } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';

const pre = 'unpack.ociv1.layer.pre-extract';
const post = 'unpack.ociv1.layer.post-extract';
const remainder = Buffer.alloc(3_000_000, 'after the trailer');

/** A tar that does not fit into the buffers between layerhook and a program, with data after its trailer. */
const large = Buffer.concat([tar([dir('d'), file('d/f', Buffer.alloc(2_000_000, 'x'))]), remainder]);
const small = tar([file('g', 'g')]);

interface Work {
  work: string;
  bundle: string;
  image: BuiltImage;
  run(
    answer: (index: number) => PreExtractResult,
    more?: Partial<UnpackOptions> & { hook?: Hooks },
  ): Promise<unknown>;
}

/** An image of these layers, and an unpack with a hook that says where each goes. */
function setup(t: ExecutionContext, layers: RawLayer[], options: ImageOptions = {}): Work {
  const work = join(tmpdir(t), 'work');
  mkdirSync(work, { mode: 0o700 });
  const bundle = join(work, 'bundle');
  const image = buildImage(t, layers, options);
  const run: Work['run'] = (answer, { hook, ...more } = {}) =>
    unpack({
      ...{ image: image.reference, bundle, hooksFile: null, mtree: 'never' },
      hooks: [{ name: 'streams', hooks: { [pre]: ({ index }) => answer(index), ...hook } }],
      ...more,
    });
  return { work, bundle, image, run };
}

/** Shell words that a command runs; `$1` is the path. */
function sh(script: string, path = ''): [string, ...string[]] {
  return ['/bin/sh', '-c', script, 'sh', path];
}

rootTest('a file and a program get the bytes that the diffID covers, and nothing is extracted', async (t) => {
  const blob = (bytes: Buffer) =>
    Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
  const { work, bundle, run } = setup(t, [large, small, large, small], { blob });
  const at = (index: number) => join(work, `layer-${index}`);
  const seen: unknown[] = [];
  const result = await run(
    (index) =>
      index < 2
        ? { into: 'tar', target: at(index) }
        : { into: 'command', argv: sh('cat > "$1"', at(index)), target: at(index) },
    {
      hook: {
        [post]: ({ index, into, target, whiteouts, applied }) => {
          t.deepEqual(readFileSync(target), [large, small][index % 2]);
          seen.push([index, into, whiteouts, applied.bytes, applied.entries]);
        },
      },
    },
  );
  t.deepEqual(seen, [
    [0, 'tar', null, large.length, 2],
    [1, 'tar', null, small.length, 1],
    [2, 'command', null, large.length, 2],
    [3, 'command', null, small.length, 1],
  ]);
  t.like(result, { layers: 4, skipped: 0, entries: 6 });
  t.is(statSync(at(0)).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(join(bundle, 'rootfs')), []);
  t.deepEqual(readdirSync(work).sort(), ['bundle', 'layer-0', 'layer-1', 'layer-2', 'layer-3']);
  t.false(readdirSync(bundle).some((name) => name.startsWith('layerhook.entries')));
});

rootTest('a FIFO gets the bytes, whenever its reader comes', async (t) => {
  const { work, run } = setup(t, [large, small]);
  const at = (index: number) => join(work, `fifo-${index}`);
  const readers: Promise<unknown>[] = [];
  await run(
    (index) => {
      const script = index === 0 ? 'cat "$1" > "$1.copy"' : 'sleep 0.3; cat "$1" > "$1.copy"';
      makeFifo(at(index));
      const reader = spawn('/bin/sh', ['-c', script, 'sh', at(index)], { stdio: 'ignore' });
      readers.push(new Promise((resolve) => reader.once('exit', resolve)));
      return { into: 'tar', target: at(index) };
    },
    { hook: { [post]: ({ index, target }) => void t.is(target, at(index)) } },
  );
  t.deepEqual(await Promise.all(readers), [0, 0]);
  t.deepEqual(readFileSync(`${at(0)}.copy`), large);
  t.deepEqual(readFileSync(`${at(1)}.copy`), small);
});

rootTest('entries are what the tar says, with clean names and the place of the data', async (t) => {
  const bytes = Buffer.from('caf\xe9', 'latin1').toString('latin1');
  const entries = [
    dir('./', { mode: 0o711 }),
    file('../../etc/passwd', 'p', {
      uid: 7,
      gid: 8,
      uname: 'u',
      mtime: 5.25,
      xattrs: { 'user.x': Buffer.from([0xff, 0]) },
    }),
    file(bytes, 'data'),
    symlink('l', '../x'),
    hardlink('h', './etc/../etc/passwd'),
    { name: 'c', type: 'char', devMajor: 1, devMinor: 3, mode: 0o4666 },
    file('etc/.wh.gone'),
    file('d/.wh..wh..opq'),
    file('.wh..wh.aufs'),
    {
      ...{ name: 'GNUSparseFile.0/s', content: '1\n1000\n3\n'.padEnd(512, '\0') + 'abc' },
      pax: {
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 's',
        'GNU.sparse.realsize': '2000',
      },
    },
  ];
  const whole = tar(entries);
  const { work, run } = setup(t, [whole]);
  const list: CheckedEntry[] = [];
  let listFile = '';
  await run(() => ({ into: 'tar', target: join(work, 'layer') }), {
    hook: {
      [post]: async ({ entries }) => {
        listFile = entries!.file;
        for await (const entry of entries!) list.push(entry);
      },
    },
  });
  t.false(existsSync(listFile));
  t.deepEqual(
    list.map(({ path, type }) => [path, type]),
    [
      ['.', 'directory'],
      ['etc/passwd', 'file'],
      [bytes, 'file'],
      ['l', 'symlink'],
      ['h', 'hardlink'],
      ['c', 'char'],
      ['etc/gone', 'whiteout'],
      ['d', 'opaque'],
      ['s', 'file'],
    ],
  );
  const [root, passwd, odd, link, hard, device, , , sparse] = list;
  t.is(root!.mode, 0o711);
  t.like(passwd, { uid: 7, gid: 8, uname: 'u', mtime: { sec: 5, nsec: 250_000_000 }, size: 1, sparse: null });
  t.deepEqual([...passwd!.xattrs], [['user.x', Buffer.from([0xff, 0])]]);
  const data = ({ offset, stored }: CheckedEntry) => whole.toString('latin1', offset, offset + stored);
  t.is(data(passwd!), 'p');
  t.is(data(odd!), 'data');
  t.is(link!.linkname, '../x');
  t.is(hard!.linkname, 'etc/passwd');
  t.like(device, { devMajor: 1, devMinor: 3, mode: 0o4666, size: 0 });
  t.like(sparse, { size: 2000, stored: 3, sparse: [1000, 3] });
  t.is(data(sparse!), 'abc');
});

const hostile: Record<string, ReturnType<typeof file>> = {
  'a whiteout without a name': file('d/.wh.'),
  'a whiteout of the directory': file('d/.wh..'),
  'a whiteout of the parent': file('d/.wh...'),
  'a file below a whiteout': file('.wh.d/f'),
  'a file in place of the root': file('a/..'),
  'a hardlink to the root': hardlink('h', '/'),
  'a symlink to nothing': symlink('l', ''),
  'a NUL in a name': file('n', '', { pax: { path: 'n\0m' } }),
  'a name of 256 bytes': file(`d/${'n'.repeat(256)}`),
  'a path of 4096 bytes': file('p/'.repeat(2048) + 'f'),
  'a device that Linux cannot represent': { name: 'c', type: 'char', devMajor: 4096 },
  'an owner that Linux cannot represent': file('f', '', { uid: 2 ** 32 - 1 }),
  'a type that layers lack': { name: 'v', type: 'V' },
};

for (const [title, entry] of Object.entries(hostile)) {
  rootTest(`hostile: ${title} fails the layer before a hook sees the entries`, async (t) => {
    const { work, run } = setup(t, [[file('good'), entry]]);
    const target = join(work, 'layer');
    let seen = false;
    for (const plan of [
      { into: 'tar', target } as const,
      { into: 'command', argv: sh('cat > "$1"', target), target } as const,
    ]) {
      const error = await t.throwsAsync(
        run(() => plan, {
          hook: {
            [post]: () => {
              seen = true;
            },
          },
        }),
      );
      t.true(isLayerhookError(error, 'LAYER_ENTRY') || isLayerhookError(error, 'TAR_INVALID'), `${error}`);
      t.false(seen);
      t.deepEqual(readdirSync(work), []);
    }
  });
}

rootTest(
  'a wrong diffID or a cut blob: the target goes, and a program never sees the end of its input',
  async (t) => {
    const wrong = {
      edit: {
        config: (config: { rootfs: { diff_ids: string[] } }) =>
          config.rootfs.diff_ids.splice(0, 1, `sha256:${'0'.repeat(64)}`),
      },
    };
    for (const layer of [large, small]) {
      const { work, run } = setup(t, [layer], wrong);
      const target = join(work, 'layer');
      const error = { code: 'DIFF_ID' };
      await t.throwsAsync(
        run(() => ({ into: 'tar', target })),
        error,
      );
      await t.throwsAsync(
        run(() => ({ into: 'command', argv: sh('cat > "$1"; touch "$1.ended"', target), target })),
        error,
      );
      t.deepEqual(readdirSync(work), []);
    }
  },
);

const programs: Record<string, { script: string; reason: RegExp; code?: string }> = {
  'that exits with a status': {
    script: 'cat > "$1"; echo "disk on fire" >&2; exit 3',
    reason: /exit status 3: disk on fire/,
  },
  'that exits early': {
    script: 'touch "$1"; exec head -c 100 > /dev/null',
    reason: /stopped reading before the end/,
  },
  'that exits early with a status': {
    script: 'touch "$1"; echo no >&2; exit 5',
    reason: /exit status 5: no/,
  },
  'that closes its input': {
    script: 'exec <&-; touch "$1"; exec sleep 100',
    reason: /stopped reading before the end/,
  },
  'that a signal kills': { script: 'head -c 1000 > "$1"; kill -SEGV $$', reason: /killed by SIGSEGV/ },
  'that reads nothing': {
    script: 'touch "$1"; exec sleep 100',
    reason: /did not finish within 1 s/,
    code: 'HOOK_TIMEOUT',
  },
  'that stays after its input': {
    script: 'cat > "$1"; exec sleep 100',
    reason: /did not finish within 1 s/,
    code: 'HOOK_TIMEOUT',
  },
  'that ignores SIGTERM': {
    script: 'trap "" TERM; cat > "$1"; while :; do sleep 1; done',
    reason: /did not finish within 1 s/,
    code: 'HOOK_TIMEOUT',
  },
};

for (const [title, { script, reason, code = 'HOOK_FAILED' }] of Object.entries(programs)) {
  rootTest(`a program ${title} fails the layer, and nothing stays`, async (t) => {
    const { work, run } = setup(t, [large]);
    const target = join(work, 'layer');
    const mark = `layerhook-test-${process.pid}-${title.replaceAll(' ', '-')}`;
    const argv: [string, ...string[]] = ['/bin/sh', '-c', script, mark, target];
    const error = await t.throwsAsync(
      run(() => ({ into: 'command', argv, target, timeout: code === 'HOOK_TIMEOUT' ? 1 : 60 })),
      { code, message: reason },
    );
    t.regex(`${error?.message}`, /streams .* unpack\.ociv1\.layer\.pre-extract for layer sha256:/);
    t.notRegex(`${error?.message}`, /\n/);
    t.deepEqual(readdirSync(work), []);
    t.deepEqual(processesWith(mark), []);
  });
}

rootTest('a program that is missing, and targets that cannot be used', async (t) => {
  const { work, run } = setup(t, [small]);
  mkdirSync(join(work, 'dir'));
  writeFileSync(join(work, 'here'), 'mine');
  const cases: [PreExtractResult, RegExp][] = [
    [{ into: 'command', argv: ['/no/such'] }, /\/no\/such cannot be run: .*ENOENT/],
    [{ into: 'command', argv: sh('cat'), target: join(work, 'here') }, /here exists already/],
    [{ into: 'tar', target: join(work, 'dir') }, /dir is a directory/],
    [{ into: 'tar', target: '/dev/null' }, /null is a device/],
    [
      { into: 'tar', target: join(work, 'no', 'file') },
      /cannot open the directory of .*\/no\/file: no such file/,
    ],
    [{ into: 'tar', target: '/' }, /it has no name/],
  ];
  for (const [plan, message] of cases)
    await t.throwsAsync(
      run(() => plan),
      { code: 'HOOK_FAILED', message },
    );
  t.is(readFileSync(join(work, 'here'), 'utf8'), 'mine');
  t.deepEqual(readdirSync(work).sort(), ['dir', 'here']);
});

rootTest(
  'a target replaces a file or a symlink, and follows no symlink that others may have made',
  async (t) => {
    const { work, run } = setup(t, [small]);
    const victim = join(work, 'victim');
    const target = join(work, 'layer');
    writeFileSync(victim, 'mine');
    symlinkSync(victim, target);
    await run(() => ({ into: 'tar', target }), { bundle: join(work, 'b1') });
    t.deepEqual([readFileSync(target), readFileSync(victim, 'utf8')], [small, 'mine']);
    const shared = join(work, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    symlinkSync(work, join(shared, 'link'));
    const through = { into: 'tar', target: join(shared, 'link', 'x') } as const;
    await t.throwsAsync(
      run(() => through, { bundle: join(work, 'b2') }),
      {
        code: 'HOOK_FAILED',
        message: /a symlink that a container or another user may have created/,
      },
    );
    t.false(existsSync(join(work, 'x')));
  },
);

rootTest('a FIFO without a reader, and one whose reader leaves, do not hang', async (t) => {
  const { work, run } = setup(t, [large]);
  const target = join(work, 'fifo');
  makeFifo(target);
  await t.throwsAsync(
    run(() => ({ into: 'tar', target, timeout: 1 })),
    { code: 'HOOK_TIMEOUT' },
  );
  t.false(existsSync(target));
  makeFifo(target);
  const reader = spawn('/bin/sh', ['-c', 'head -c 10 < "$1" > /dev/null', 'sh', target], { stdio: 'ignore' });
  await t.throwsAsync(
    run(() => ({ into: 'tar', target })),
    { code: 'HOOK_FAILED', message: /closed it before the end of the layer/ },
  );
  reader.kill();
  t.deepEqual(readdirSync(work), []);
});

rootTest('an abort stops a program and a FIFO that wait', async (t) => {
  const { work, run } = setup(t, [large]);
  const target = join(work, 'target');
  const plans: (() => PreExtractResult)[] = [
    () => ({ into: 'command', argv: sh('touch "$1"; exec sleep 100', target), target }),
    () => {
      makeFifo(target);
      return { into: 'tar', target };
    },
  ];
  for (const plan of plans) {
    const stop = new AbortController();
    const running = run(plan, { signal: stop.signal });
    while (!existsSync(target)) await sleep(10);
    stop.abort();
    await t.throwsAsync(running, { code: 'ABORTED' });
    t.deepEqual(readdirSync(work), []);
  }
});

rootTest('a layer that fails takes with it the layers above that no hook has seen', async (t) => {
  const { work, run } = setup(t, [large, small, small]);
  const at = (index: number) => join(work, `layer-${index}`);
  const slow = sh('sleep 0.5; exit 1');
  const answer = (index: number): PreExtractResult =>
    index === 0 ? { into: 'command', argv: slow } : { into: 'tar', target: at(index) };
  await t.throwsAsync(run(answer), { code: 'HOOK_FAILED', message: /exit status 1/ });
  t.deepEqual(readdirSync(work), []);
});

rootTest('a program as a hook gets the entries as lines of a file, in the order of layers', async (t) => {
  const odd = Buffer.from('\xff', 'latin1').toString('latin1');
  const { work, image } = setup(t, [[file('a', 'a'), file(odd)], [file('.wh.a')]]);
  const program = join(work, 'hook');
  const script = `#!/bin/sh
d=$(dirname "$0")
context=$(cat)
case $1 in
*.pre-extract) echo '{"into": "tar", "target": "'"$d/$(echo "$context" | sed 's/.*"index":\\([0-9]*\\).*/\\1/').tar"'"}' ;;
*.post-extract) cat "$(echo "$context" | sed 's/.*"entries":"\\([^"]*\\)".*/\\1/')" >> "$d/list" ;;
esac
`;
  writeFileSync(program, script, { mode: 0o755 });
  const hooksFile = join(work, 'hooks.toml');
  writeFileSync(hooksFile, `[[hook]]\npoint = ["${pre}", "${post}"]\nexec = ["${program}"]\n`);
  await unpack({ image: image.reference, bundle: join(work, 'bundle'), hooksFile, mtree: 'never' });
  const lines = readFileSync(join(work, 'list'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(lines[0], { path: 'a', type: 'file', size: 1, offset: 512, stored: 1, mode: 0o644 });
  t.like(lines[1], { pathBase64: '/w==', type: 'file' });
  t.deepEqual(lines[2], { path: 'a', type: 'whiteout' });
  t.is(lines.length, 3);
  t.true(lstatSync(join(work, '1.tar')).isFile());
  t.deepEqual(readdirSync(dirname(program)).sort(), [
    '0.tar',
    '1.tar',
    'bundle',
    'hook',
    'hooks.toml',
    'list',
  ]);
});

function makeFifo(path: string): void {
  execFileSync('mkfifo', [path]);
}

/** Command lines of the processes that have this word among their arguments. */
function processesWith(word: string): string[] {
  const isProcess = (name: string) => /^\d+$/.test(name) && name !== String(process.pid);
  const read = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter(isProcess)
    .map(read)
    .filter((line) => line.split('\0').includes(word));
}
