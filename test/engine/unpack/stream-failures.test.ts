import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Command } from '../../../src/engine/unpack/stream/command.js';
import { Deadline } from '../../../src/engine/unpack/stream/deadline.js';
import { type EntryList, isLayerhookError, type PreExtractResult } from '../../../src/index.js';
import { file, hardlink, symlink } from '../../../src/testing/entries.js';
import { rootTest } from '../../helpers/root-test.js';
import { until } from '../../helpers/until.js';
import { large, makeFifo, post, setup, sh, small } from './streams.js';

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
  'a path of 4096 bytes': file(`${'p/'.repeat(2048)}f`),
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

test('a program that is missing is named, also if all of a small layer fitted into the pipe', async (t) => {
  const deadline = new Deadline(60, new AbortController().signal, () => new Error('late'));
  const command = new Command(['/no/such'], null, deadline, () => {});
  command.open();
  const error = await t.throwsAsync(command.finish());
  const reason = await command.fail(error);
  t.regex((reason as Error).message, /^\/no\/such cannot be run: .*ENOENT/);
  t.false(isLayerhookError(reason));
});

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
    await until(`${target} is there`, () => existsSync(target));
    stop.abort();
    await t.throwsAsync(running, { code: 'ABORTED' });
    t.deepEqual(readdirSync(work), []);
  }
});

const readers: Record<
  string,
  { onEntries: (entries: EntryList) => Promise<void>; error: { code: string; message: RegExp } }
> = {
  'that throws': {
    onEntries: () => {
      throw new Error('no room');
    },
    error: { code: 'HOOK_FAILED', message: /streams .*pre-extract for layer sha256:.*: no room$/ },
  },
  'that fails in the middle': {
    onEntries: async (entries) => {
      for await (const { path } of entries) throw new Error(`cannot take ${path}`);
    },
    error: { code: 'HOOK_FAILED', message: /: cannot take / },
  },
  'that hangs': {
    onEntries: () => new Promise(() => {}),
    error: { code: 'HOOK_TIMEOUT', message: /did not finish within 1 s/ },
  },
};

for (const [title, { onEntries, error }] of Object.entries(readers)) {
  rootTest(`a reader of the entries ${title} fails the layer, and nothing stays`, async (t) => {
    for (const layer of [large, small]) {
      const { work, run } = setup(t, [layer, small]);
      const at = (index: number) => join(work, `layer-${index}`);
      const answer = (index: number) =>
        ({
          ...{ into: 'tar', target: at(index), timeout: error.code === 'HOOK_TIMEOUT' ? 1 : 60 },
          ...(index === 0 && { onEntries }),
        }) satisfies PreExtractResult;
      await t.throwsAsync(run(answer), error);
      t.deepEqual(readdirSync(work), []);
    }
  });
}

rootTest('the error of the layer is the one that counts, and a reader of its entries gets it', async (t) => {
  const edit = {
    config: (config: { rootfs: { diff_ids: string[] } }) =>
      config.rootfs.diff_ids.splice(0, 1, `sha256:${'0'.repeat(64)}`),
  };
  for (const layer of [large, small]) {
    const { work, run } = setup(t, [layer], { edit });
    let seen: unknown;
    const onEntries = async (entries: EntryList) => {
      try {
        for await (const _ of entries);
      } catch (error) {
        seen = error;
        throw new Error('mine');
      }
    };
    const running = run(() => ({ into: 'tar', target: join(work, 'layer'), onEntries }));
    await t.throwsAsync(running, { code: 'DIFF_ID' });
    t.is((seen as { code?: string }).code, 'DIFF_ID');
    t.deepEqual(readdirSync(work), []);
  }
});

rootTest('an abort does not wait for a reader of the entries', async (t) => {
  const { work, run } = setup(t, [large]);
  const stop = new AbortController();
  const onEntries = () => {
    stop.abort();
    return new Promise<void>(() => {});
  };
  const running = run(() => ({ into: 'tar', target: join(work, 'layer'), onEntries }), {
    signal: stop.signal,
  });
  await t.throwsAsync(running, { code: 'ABORTED' });
  t.deepEqual(readdirSync(work), []);
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
