/** Files in the directory of a bundle that layerhook did not make: unpack refuses them, and nothing ever removes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { removeBundle } from '../../../src/engine/bundle/remove.js';
import { unpack } from '../../../src/engine/unpack/unpack.js';
import { unmountTree } from '../../../src/overlay/mount.js';
import type { Hooks } from '../../../src/points/points.js';
import { fromText } from '../../../src/system/bytes.js';
import { mountBind } from '../../../src/system/mount.js';
import { mountsBelow } from '../../../src/system/mountinfo.js';
import { btrfs } from '../../drivers/btrfs/loop.js';
import { layerhook, mainFile, refused, run, succeed } from '../../helpers/cli.js';
import { buildImage } from '../../helpers/image.js';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { tmpdir } from '../../helpers/tmp.js';
import { treeOf } from '../../helpers/tree.js';

/** @param filesystem where a mounted filesystem is, which its own teardown unmounts */
function place(t: ExecutionContext, filesystem?: string) {
  const dir = filesystem ?? tmpdir(t);
  if (filesystem === undefined) t.teardown(() => unmountTree(dir));
  const { reference, layout } = buildImage(t, [[{ name: 'd/f', content: 'x' }]]);
  const bundle = join(dir, 'bundle');
  mkdirSync(bundle);
  const store = ['--store', join(dir, 'store')];
  const unpackArgs = ['unpack', ...store, '--image', reference];
  return { dir, bundle, image: reference, layout, store, unpackArgs };
}

const files: Record<string, (path: string) => void> = {
  file: (path) => writeFileSync(path, 'precious'),
  'hidden file': (path) => writeFileSync(join(dirname(path), '.hidden'), 'precious'),
  'file named lost+found': (path) => writeFileSync(join(dirname(path), 'lost+found'), 'precious'),
  'directory with a file': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'file'), 'precious');
  },
  'empty directory': (path) => mkdirSync(path),
  'dangling symlink': (path) => symlinkSync('missing', path),
  fifo: (path) => execFileSync('mkfifo', [path]),
};

for (const [what, make] of Object.entries(files)) {
  rootTest(
    `unpack refuses a directory with a ${what}; with --force it stays, also after bundle rm`,
    async (t) => {
      const { bundle, unpackArgs } = place(t);
      make(join(bundle, 'one\ntwo'));
      const before = treeOf(bundle);
      await refused(
        t,
        layerhook([...unpackArgs, bundle]),
        /bundle has other files: .*--force unpacks beside these files/,
      );
      t.deepEqual(treeOf(bundle), before);
      await succeed(t, layerhook([...unpackArgs, '--force', bundle]));
      t.true(existsSync(join(bundle, 'umoci.json')));
      await succeed(t, layerhook(['bundle', 'rm', bundle]));
      // unpack has closed the directory to other users
      const closed = new Map(before).set('.', { ...before.get('.')!, mode: '0700' });
      t.deepEqual(withoutTimes(treeOf(bundle)), withoutTimes(closed));
    },
  );
}

rootTest('a bundle in an image layout is refused without --force, which keeps both', async (t) => {
  const { layout, unpackArgs } = place(t);
  const before = readdirSync(layout).sort();
  await refused(t, layerhook([...unpackArgs, layout]), /has other files: blobs, index.json, oci-layout/);
  t.deepEqual(readdirSync(layout).sort(), before);
  await succeed(t, layerhook([...unpackArgs, '--force', layout]));
  const { stderr, status } = await layerhook(['bundle', 'rm', layout]);
  t.is(status, 0);
  t.regex(
    stderr,
    /warning: kept directory .* with files that layerhook did not create: blobs, index.json, oci-layout\n/,
  );
  t.deepEqual(readdirSync(layout).sort(), before);
});

rootTest('lost+found of a filesystem does not count', async (t) => {
  const { bundle, unpackArgs } = place(t);
  mkdirSync(join(bundle, 'lost+found'));
  await succeed(t, layerhook([...unpackArgs, bundle]));
  await succeed(t, layerhook(['bundle', 'rm', bundle]));
  t.deepEqual(readdirSync(bundle), ['lost+found']);
});

const bundleNames: Record<string, string> = {
  'rootfs, a dangling symlink': 'rootfs',
  'config.json, a fifo': 'config.json',
  'layerhook.json': 'layerhook.json',
  'layerhook.index': 'layerhook.index',
  'a mtree manifest': `sha256_${'0'.repeat(64)}.mtree`,
};
for (const [what, name] of Object.entries(bundleNames)) {
  rootTest(`a directory that has ${what} is refused, also by force`, async (t) => {
    const { bundle, unpackArgs } = place(t);
    const path = join(bundle, name);
    if (name === 'rootfs') symlinkSync('missing', path);
    else if (name === 'config.json') execFileSync('mkfifo', [path]);
    else writeFileSync(path, 'mine');
    const before = treeOf(bundle);
    for (const force of [[], ['--force']])
      await refused(
        t,
        layerhook([...unpackArgs, ...force, bundle]),
        new RegExp(`bundle already has a ${name}`),
      );
    t.deepEqual(treeOf(bundle), before);
  });
}

for (const isMounted of [false, true]) {
  const what = isMounted ? ', what is mounted at rootfs included' : '';
  rootTest(`a failing unpack by force changes no file${what}`, async (t) => {
    const { dir, bundle, image } = place(t);
    mkdirSync(join(bundle, 'zz'));
    writeFileSync(join(bundle, 'zz/notes'), 'mine');
    mkdirSync(join(dir, 'content'));
    const before = treeOf(bundle);
    const mount = ({ rootfs }: { rootfs: string }) => {
      if (isMounted) mountBind(fromText(join(dir, 'content')), fromText(rootfs));
    };
    const failing: [string, Hooks][] = [
      [
        'HOOK_FAILED',
        {
          'unpack.ociv1.bundle.assemble': mount,
          'unpack.ociv1.bundle.config': () => {
            throw new Error('no');
          },
        },
      ],
      [
        // at the very end: a file of this name is there
        'BUNDLE_EXISTS',
        {
          'unpack.ociv1.bundle.assemble': ({ rootfs }) => {
            mount({ rootfs });
            writeFileSync(join(dirname(rootfs), 'zz'), 'a hook made it');
          },
        },
      ],
    ];
    for (const [code, hooks] of failing) {
      const sets = [{ name: 'tests', hooks }];
      const options = { image, bundle, hooks: sets, hooksFile: null, force: true, mtree: 'never' } as const;
      await t.throwsAsync(unpack(options), { code });
      t.deepEqual(withoutTimes(treeOf(bundle)), withoutTimes(before), code);
      t.deepEqual(mountsBelow(fromText(dir)), []);
    }
  });
}

for (const driver of ['copy', 'overlay', 'btrfs']) {
  rootTest(
    `bundle rm of the ${driver} driver removes what was unpacked, repacked and refreshed, and no more`,
    async (t) => {
      const root = driver === 'btrfs' ? btrfs(t) : undefined;
      if (root === null) return;
      const { bundle, image, store, unpackArgs } = place(t, root);
      rmSync(bundle, { recursive: true });
      await succeed(t, layerhook([...unpackArgs, '--driver', driver, bundle]));
      writeFileSync(join(bundle, 'rootfs/new'), 'new');
      await succeed(t, layerhook(['repack', '--refresh-bundle', '--image', `${image}-2`, bundle]));
      const made = readdirSync(bundle);
      for (const [what, make] of Object.entries(files)) make(join(bundle, what.replaceAll(' ', '-')));
      const kept = readdirSync(bundle)
        .filter((name) => !made.includes(name))
        .sort();
      const result = await removeBundle({ bundle, hooksFile: null });
      t.deepEqual(result, { bundle, removed: true, left: kept });
      t.deepEqual(readdirSync(bundle).sort(), kept);
      t.is(readFileSync(join(bundle, 'file'), 'utf8'), 'precious');
      t.is((await layerhook(['bundle', 'ls', ...store])).stdout, 'STATE  IMAGE  CHANGES  BUNDLE\n');
      await succeed(t, layerhook([...unpackArgs, '--driver', driver, '--force', bundle]));
      await succeed(t, layerhook(['bundle', 'rm', bundle]));
      t.deepEqual(readdirSync(bundle).sort(), kept);
    },
  );
}

test('a bundle that umoci unpacked loses what umoci made', async (t) => {
  if (!requires(t, 'root', 'umoci')) return;
  const { dir, bundle, image } = place(t);
  execFileSync('umoci', ['unpack', '--image', image, bundle]);
  writeFileSync(join(bundle, 'notes'), 'mine');
  t.deepEqual((await removeBundle({ bundle, hooksFile: null })).left, ['notes']);
  t.deepEqual(readdirSync(bundle), ['notes']);
  rmSync(bundle, { recursive: true });
  execFileSync('umoci', ['unpack', '--image', image, bundle]);
  t.deepEqual((await removeBundle({ bundle, hooksFile: null })).left, []);
  t.false(existsSync(bundle));
  t.deepEqual(readdirSync(dir), []);
});

rootTest('bundle rm of the working directory, and of a mount point', async (t) => {
  const { dir, bundle, unpackArgs } = place(t);
  for (const isKept of [false, true]) {
    mkdirSync(bundle, { recursive: true });
    await succeed(t, layerhook([...unpackArgs, bundle]));
    if (isKept) writeFileSync(join(bundle, 'notes'), 'mine');
    await succeed(t, layerhook(['bundle', 'rm', '.'], { cwd: bundle }));
    t.is(existsSync(bundle), isKept);
  }
  const disk = join(dir, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk]);
  await succeed(t, layerhook([...unpackArgs, disk]));
  writeFileSync(join(disk, 'notes'), 'mine');
  const { status, stderr } = await layerhook(['bundle', 'rm', disk]);
  t.is(status, 0);
  t.regex(stderr, /did not create: notes\n/);
  t.deepEqual(readdirSync(disk), ['notes']);
});

rootTest(
  'bundle rm removes nothing from a directory that has only names like those of a bundle',
  async (t) => {
    const { bundle } = place(t);
    for (const name of ['rootfs', '.layerhook-abc123']) mkdirSync(join(bundle, name));
    for (const name of ['config.json', 'layerhook.json']) writeFileSync(join(bundle, name), '{}');
    const left = ['config.json', 'layerhook.json', 'rootfs'];
    t.deepEqual(await removeBundle({ bundle, force: true, hooksFile: null }), {
      bundle,
      removed: true,
      left,
    });
    t.deepEqual(readdirSync(bundle).sort(), left, 'only what a killed command had left is gone');
    for (const force of [false, true]) {
      await t.throwsAsync(removeBundle({ bundle, force, hooksFile: null }), { code: 'BUNDLE_NOT_FOUND' });
      t.deepEqual(readdirSync(bundle).sort(), left);
    }
  },
);

rootTest('a symlink to a bundle is refused before a hook is called', async (t) => {
  const { dir, bundle, image } = place(t);
  await unpack({ image, bundle, hooksFile: null });
  const link = join(dir, 'link');
  symlinkSync(bundle, link);
  const hooks = { 'bundle.ociv1.remove': () => t.fail('called') };
  await t.throwsAsync(removeBundle({ bundle: link, hooks: [{ name: 'tests', hooks }], hooksFile: null }), {
    code: 'DIRECTORY_INVALID',
  });
  t.true(existsSync(join(bundle, 'umoci.json')));
});

const killed: Record<string, { layout?: 'umoci'; foreign: boolean }> = {
  'a bundle': { foreign: false },
  'a bundle with other files': { foreign: true },
  'a bundle of umoci with other files': { layout: 'umoci', foreign: true },
};
for (const [what, { layout, foreign }] of Object.entries(killed)) {
  test(`${what} whose removal was killed at any call is removed by the second bundle rm`, async (t) => {
    if (!requires(t, 'root', 'strace')) return;
    const { dir, bundle, unpackArgs } = place(t);
    let kills = 0;
    for (const call of ['renameat2', 'unlinkat']) {
      for (let when = 1; ; when++) {
        await succeed(t, layerhook([...unpackArgs, bundle]));
        if (layout === 'umoci') rmSync(join(bundle, 'layerhook.json'));
        if (foreign) writeFileSync(join(bundle, 'notes'), 'mine');
        const isKilled = killAt(call, when, ['bundle', 'rm', bundle]);
        if (isKilled) {
          kills++;
          const { status, stderr } = await layerhook(['bundle', 'rm', bundle]);
          t.is(status, 0, `${call} ${when}: ${stderr}`);
        }
        if (foreign) t.deepEqual(readdirSync(bundle), ['notes'], `${call} ${when}`);
        t.deepEqual(readdirSync(dir), foreign ? ['bundle'] : [], `${call} ${when}`);
        rmSync(bundle, { recursive: true, force: true });
        if (!isKilled) break;
      }
    }
    t.true(kills > 8, `${kills}`);
  });
}

test('a bundle whose removal failed at any removed file is gone after the second bundle rm', async (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { dir, bundle, unpackArgs } = place(t);
  let when = 1;
  for (; ; when++) {
    await succeed(t, layerhook([...unpackArgs, bundle]));
    const inject = `inject=unlinkat:error=EIO:when=${when}+`;
    const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=unlinkat', '-e', inject];
    const { status } = await run('strace', [...strace, process.execPath, mainFile, 'bundle', 'rm', bundle]);
    if (status === 0) break;
    await layerhook(['bundle', 'rm', bundle]);
    t.deepEqual(readdirSync(dir), [], `${when}`);
  }
  t.true(when > 3, `${when}`);
});

test('bundle rm removes the remains of an unpack killed while the bundle appears in a directory', async (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { bundle, unpackArgs } = place(t);
  let when = 1;
  for (; ; when++) {
    mkdirSync(bundle, { recursive: true });
    writeFileSync(join(bundle, 'notes'), 'mine');
    const isKilled = killAt('renameat2', when, [...unpackArgs, '--force', bundle]);
    const { status, stderr } = await layerhook(['bundle', 'rm', bundle]);
    t.is(status, 0, `${when}: ${stderr}`);
    t.deepEqual(readdirSync(bundle), ['notes'], `${when}`);
    if (!isKilled) break;
  }
  t.true(when > 4, `${when}`);
});

/** Runs a command that a signal ends at the start of one of its system calls. @returns false if it ended before */
function killAt(call: string, when: number, args: string[]): boolean {
  const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
  const env = { ...process.env, XDG_CONFIG_HOME: '/nonexistent' };
  const { status, signal, stderr } = spawnSync('strace', [...strace, process.execPath, mainFile, ...args], {
    encoding: 'utf8',
    env,
  });
  if (signal === 'SIGKILL' || status === 137) return true;
  if (status !== 0) throw new Error(stderr);
  return false;
}

/** A directory's times change when a bundle comes and goes. */
function withoutTimes(tree: ReturnType<typeof treeOf>): unknown {
  return [...tree].map(([path, entry]) => [
    path,
    path === '.' || path === '' ? { ...entry, mtime: '' } : entry,
  ]);
}
