import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { chainIDs } from '../../src/image/chain.js';
import type { Digest } from '../../src/image/types.js';
import { appliedNothing } from '../../src/points/contexts.js';
import { createDispatcher } from '../../src/points/dispatch.js';
import { silentLogger } from '../../src/system/logger.js';
import { load, privateDir, write } from '../config/helpers.js';
import { imageContext, layerContext } from '../helpers/contexts.js';
import { requires } from '../helpers/requires.js';

const skip = 'unpack.ociv1.layer.try-skip';
const post = 'unpack.ociv1.layer.post-extract';
const scope = { log: silentLogger, signal: new AbortController().signal };
const diffIDs = ['a', 'b', 'c'].map(
  (name): Digest => `sha256:${createHash('sha256').update(name).digest('hex')}`,
);
const chain = chainIDs(diffIDs);

async function setup(t: ExecutionContext<unknown>) {
  const dir = privateDir(t);
  const program = write(dir, 'layer-cache.sh', readFileSync('docs/examples/layer-cache.sh', 'utf8'), 0o755);
  const cache = join(dir, 'cache');
  const loaded = await load(
    dir,
    `[[hook]]\npoint = ["${skip}", "${post}"]\nexec = ["${program}"]\nenv = ["CACHE_DIR=${cache}"]\n`,
  );
  const dispatcher = createDispatcher(loaded?.sources ?? [], scope);
  const context = (rootfs: string, index: number) => ({
    ...layerContext(rootfs),
    index,
    diffID: diffIDs[index] as Digest,
    chainID: chain[index] as Digest,
    lowerChainIDs: chain.slice(0, index),
    chainIDs: chain,
  });
  const postContext = (rootfs: string, index: number) => ({
    ...context(rootfs, index),
    target: rootfs,
    into: 'rootfs' as const,
    whiteouts: null,
    applied: appliedNothing(context(rootfs, index)),
    entries: null,
    writeMtree: async () => ({ size: 0, inodes: 0 }),
    extractAgain: async () => appliedNothing(context(rootfs, index)),
  });
  /** Unpacks as the engine does with the copy driver: skips a layer, or extracts it into rootfs. */
  const unpack = async (rootfs: string): Promise<string[]> => {
    mkdirSync(rootfs);
    const done: string[] = [];
    for (const index of chain.keys()) {
      const outcome = await dispatcher.first(skip, context(rootfs, index));
      if (outcome.handled && outcome.result.skip) done.push('skipped');
      else {
        extract(rootfs, index);
        await dispatcher.every(post, postContext(rootfs, index));
        done.push('extracted');
      }
    }
    return done;
  };
  return { dir, cache, dispatcher, context, postContext, unpack };
}

/** Three layers: a tree with all that is hard to copy, a whiteout and a replaced directory, an addition. */
function extract(rootfs: string, index: number): void {
  const steps = [
    `mkdir -m 750 d; echo one > d/f; ln d/f hard; ln -s /etc/passwd sym; mkfifo p; chmod 4755 d/f
     touch -hd '2001-02-03 04:05:06.123456789' sym d/f d; setfattr -n user.x -v 1 d/f 2>/dev/null
     [ $(id -u) -ne 0 ] || { mknod null c 1 3; chown 12:34 p; }
     printf gone > gone; chmod 711 .; find . ! -path './d*' -exec touch -hd '2002-02-02 02:02:02.2' {} +`,
    `rm gone; rm -r d; ln -s p d; touch -hd '2003-01-01' d .`,
    `echo two > new; touch -d '2004-01-01 00:00:00.5' new .`,
  ];
  execFileSync('sh', ['-ec', steps[index] as string], { cwd: rootfs });
}

/** Types, modes, owners, link counts, sizes, times in ns, targets, contents, xattrs. */
function listing(root: string): string {
  const find = `find . -printf '%P %y %m %U:%G %n %s %T@ %l\\n' | sort; find . -type f | sort | xargs sha256sum
    getfattr -Rhd -m - . 2>/dev/null | sort || true`;
  return execFileSync('sh', ['-c', find], { cwd: root, encoding: 'utf8' });
}

function plain(dir: string): string {
  const rootfs = join(dir, 'plain');
  mkdirSync(rootfs);
  for (const index of chain.keys()) extract(rootfs, index);
  return listing(rootfs);
}

test('layer-cache.sh: the second unpack copies what the first one extracted', async (t) => {
  const { dir, cache, unpack } = await setup(t);
  t.deepEqual(await unpack(join(dir, '1')), ['extracted', 'extracted', 'extracted']);
  t.deepEqual(readdirSync(cache).sort(), chain.map((id) => id.replace(':', '-')).sort());
  t.is(statSync(cache).mode & 0o7777, 0o700);
  t.deepEqual(await unpack(join(dir, '2')), ['skipped', 'skipped', 'skipped']);
  const expected = plain(dir);
  t.is(listing(join(dir, '1')), expected);
  t.is(listing(join(dir, '2')), expected);
});

test('layer-cache.sh: only part of the layers is kept', async (t) => {
  const { dir, cache, unpack } = await setup(t);
  await unpack(join(dir, '1'));
  const expected = plain(dir);
  const tree = (index: number) => join(cache, (chain[index] as string).replace(':', '-'));
  rmSync(tree(2), { recursive: true });
  t.deepEqual(await unpack(join(dir, '2')), ['skipped', 'skipped', 'extracted']);
  t.is(listing(join(dir, '2')), expected);
  rmSync(tree(0), { recursive: true });
  rmSync(tree(1), { recursive: true });
  t.deepEqual(await unpack(join(dir, '3')), ['skipped', 'skipped', 'skipped']);
  t.is(listing(join(dir, '3')), expected);
});

test('layer-cache.sh: a tree that goes away during the unpack is an error, not a hole', async (t) => {
  const { dir, cache, dispatcher, context, unpack } = await setup(t);
  await unpack(join(dir, '1'));
  const rootfs = join(dir, '2');
  mkdirSync(rootfs);
  t.like(await dispatcher.first(skip, context(rootfs, 0)), { handled: true });
  rmSync(cache, { recursive: true });
  await t.throwsAsync(dispatcher.first(skip, context(rootfs, 1)), {
    code: 'HOOK_FAILED',
    message: /a tree was removed during the unpack/,
  });
});

test('layer-cache.sh: unpacks at the same time agree, and leave nothing half written', async (t) => {
  const { dir, cache, unpack } = await setup(t);
  const crashed = join(cache, 'new.crashed');
  mkdirSync(crashed, { recursive: true });
  utimesSync(crashed, 1, 1);
  await Promise.all(['1', '2', '3', '4'].map((name) => unpack(join(dir, name))));
  const expected = plain(dir);
  for (const name of ['1', '2', '3', '4']) t.is(listing(join(dir, name)), expected);
  t.is(readdirSync(cache).length, 3);
});

test('layer-cache.sh: a layer that cannot be kept is declined', async (t) => {
  const { dir, cache, dispatcher, context, postContext } = await setup(t);
  const rootfs = join(dir, 'r');
  mkdirSync(rootfs);
  const rootless = { uidMappings: [], gidMappings: [], rootless: true };
  t.like(await dispatcher.first(skip, { ...context(rootfs, 0), map: rootless }), { handled: false });
  await dispatcher.every(post, { ...postContext(rootfs, 0), map: rootless });
  await dispatcher.every(post, { ...postContext(rootfs, 0), into: 'directory', whiteouts: 'overlay' });
  await dispatcher.every(post, { ...postContext(rootfs, 0), target: dir });
  t.deepEqual(existsSync(cache) ? readdirSync(cache) : [], []);
  const strange = { chainID: 'sha256:../../x' as const, chainIDs: ['sha256:../../x' as const] };
  await t.throwsAsync(dispatcher.first(skip, { ...context(rootfs, 0), ...strange }), {
    code: 'HOOK_FAILED',
  });
});

test('layer-cache.sh: a config that pretends to be the context does not fool it', async (t) => {
  const { dir, cache, dispatcher, postContext } = await setup(t);
  const rootfs = join(dir, 'r');
  mkdirSync(rootfs);
  const context = postContext(rootfs, 0);
  const chainID = `sha256:${'f'.repeat(64)}`;
  const labels = { x: `","chainID":"${chainID}","map":{`, chainID };
  const config = { ...context.config, chainID, map: {}, config: { Labels: labels } };
  await dispatcher.every(post, { ...context, config, reference: `a","chainID":"${chainID}` });
  t.deepEqual(readdirSync(cache), [(chain[0] as string).replace(':', '-')]);
});

test('layer-cache.sh is POSIX sh', (t) => {
  if (!requires(t, 'dash')) return;
  t.is(spawnSync('dash', ['-n', 'docs/examples/layer-cache.sh']).status, 0);
});

test('add-mount.mjs adds its mount to config.json', async (t) => {
  const dir = privateDir(t);
  cpSync(resolve('docs/examples/add-mount.mjs'), join(dir, 'add-mount.mjs'));
  chmodSync(join(dir, 'add-mount.mjs'), 0o644);
  const table = '[[hook]]\nmodule = "./add-mount.mjs"\n[hook.options]\nsource = "/srv/shared"\n';
  const loaded = await load(dir, `${table}destination = "/mnt/shared"\noptions = ["ro"]\n`);
  const spec = { ociVersion: '1.2.0', mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }] };
  const dispatcher = createDispatcher(loaded?.sources ?? [], scope);
  t.deepEqual(await dispatcher.chain('unpack.ociv1.bundle.config', { ...imageContext('/r'), spec }), {
    ociVersion: '1.2.0',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/mnt/shared', type: 'bind', source: '/srv/shared', options: ['rbind', 'ro'] },
    ],
  });
  await t.throwsAsync(load(dir, table), { code: 'CONFIG_INVALID', message: /absolute destination/ });
});
