import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../src/image/digest.js';
import { createDispatcher } from '../../src/points/dispatch.js';
import type { SnapshotLayerContext } from '../../src/points/points.js';
import { silentLogger } from '../../src/system/logger.js';
import { load, privateDir, write } from '../config/helpers.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

const SKIP = 'snapshot.ociv1.layer.try-skip';
const POST = 'snapshot.ociv1.layer.post-extract';

async function setup(t: ExecutionContext<unknown>) {
  const dir = privateDir(t);
  const program = write(dir, 'layer-share.sh', readFileSync('docs/examples/layer-share.sh', 'utf8'), 0o755);
  const share = join(dir, 'share');
  mkdirSync(share);
  const table = `[[hook]]\npoint = ["${SKIP}", "${POST}"]\nexec = ["${program}"]\nenv = ["SHARE_DIR=${share}"]\n`;
  const loaded = await load(dir, table);
  const { signal } = new AbortController();
  const dispatcher = createDispatcher(loaded?.sources ?? [], { log: silentLogger, signal });
  const context = (more: Partial<SnapshotLayerContext> = {}): SnapshotLayerContext => ({
    signal,
    log: silentLogger,
    chainID: digestOf('layer'),
    diffID: null,
    lowerChainIDs: null,
    client: 'containerd',
    key: 'k8s.io/1/extract-1 layer',
    parent: '',
    labels: {},
    lowerdirs: [],
    overlayXattr: 'trusted',
    ...more,
  });
  let targets = 0;
  return {
    dir,
    share,
    /** what is on the share */
    files: () => (readdirSync(share, { recursive: true }) as string[]).filter((name) => name.includes('/')),
    keep: (source: string, more?: Partial<SnapshotLayerContext>) =>
      dispatcher.every(POST, { ...context(more), source }),
    /** @returns what was filled, if something was */
    async take(more?: Partial<SnapshotLayerContext>): Promise<string | undefined> {
      const target = join(dir, `target${++targets}`);
      mkdirSync(target);
      const outcome = await dispatcher.first(SKIP, { ...context(more), target });
      return outcome.handled && outcome.result.skip ? target : undefined;
    },
  };
}

/** A layer as overlayfs has it, with all that is hard to keep. @returns its directory */
function layer(dir: string): string {
  const source = join(dir, 'source');
  mkdirSync(source);
  const steps = `mkdir -m 750 d; echo one > d/f; ln d/f hard; ln -s /etc/passwd sym; mkfifo p; chmod 4755 d/f
    mknod gone c 0 0; mknod null c 1 3; mkdir opaque
    setfattr -n trusted.overlay.opaque -v y opaque; setfattr -n trusted.overlay.origin -v x opaque
    echo '#!' > capable; chown 12:34 capable; setfacl -m u:99:r d/f
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 capable
    setfattr -n user.x -v 1 d/f || true
    truncate -s 1M sparse; printf x > "$(printf 'odd\\nname')"; printf x > -dash; printf x > "$(printf '\\377')"
    touch -hd '2001-02-03 04:05:06.123456789' sym d/f d; chown 1:2 .; chmod 1711 .; touch -d '2002-02-02 02:02:02.2' .`;
  execFileSync('sh', ['-ec', steps], { cwd: source });
  return source;
}

test('layer-share.sh: a layer that one kept, another takes, attribute by attribute', async (t) => {
  if (!requires(t, 'root', 'setfattr', 'setfacl')) return;
  const { dir, files, keep, take } = await setup(t);
  const source = layer(dir);
  t.is(await take(), undefined);
  await keep(source);
  const [file, ...others] = files();
  const [, tar] = file!.split('/');
  t.deepEqual(others, []);
  const digest = digestOf(readFileSync(join(dir, 'share', file!)));
  t.is(tar, `${digest.slice('sha256:'.length)}.tar`);
  const target = (await take())!;
  execFileSync('setfattr', ['-x', 'trusted.overlay.origin', join(source, 'opaque')]);
  t.deepEqual(diffTrees(treeOf(source), treeOf(target)), []);
  await keep(source);
  t.deepEqual(files(), [file!], 'it is kept once');
});

rootTest('layer-share.sh: a damaged tar fails the hook, and gives way to a whole one', async (t) => {
  const { dir, share, files, keep, take } = await setup(t);
  const source = join(dir, 'source');
  write(source, 'file', 'one');
  await keep(source);
  const [tar] = files();
  appendFileSync(join(share, tar!), 'x');
  await t.throwsAsync(take(), { code: 'HOOK_FAILED', message: /is damaged/ });
  t.deepEqual(files(), [`${tar}.damaged`]);
  t.is(await take(), undefined);
  await keep(source);
  t.is(readFileSync(join((await take())!, 'file'), 'utf8'), 'one');
});

test('layer-share.sh: a half-written layer is not taken, and removed when old', async (t) => {
  const { dir, share, files, keep, take } = await setup(t);
  const name = digestOf('layer').replace(':', '-');
  const half = write(share, `${name}/new.12345678`, 'half');
  t.is(await take(), undefined);
  utimesSync(half, 1, 1);
  const source = join(dir, 'source');
  write(source, 'file', 'one');
  await Promise.all([keep(source), keep(source), keep(source)]);
  t.true(files().length > 0);
  t.true(files().every((file) => /\/[0-9a-f]{64}\.tar$/.test(file)));
  if (requires(t, 'root')) t.is(readFileSync(join((await take())!, 'file'), 'utf8'), 'one');
});

test('layer-share.sh: a missing share, a strange chainID, a user namespace', async (t) => {
  const { share, take } = await setup(t);
  t.is(await take({ overlayXattr: 'user' }), undefined);
  t.is(await take({ chainID: `sha512:${'a'.repeat(128)}` }), undefined);
  await t.throwsAsync(take({ chainID: 'sha256:../x' }), { message: /strange chainID/ });
  rmSync(share, { recursive: true });
  await t.throwsAsync(take(), { message: /is not there/ });
});

rootTest('layer-share.sh: labels that pretend to be the context do not fool it', async (t) => {
  const { dir, share, files, keep } = await setup(t);
  const source = join(dir, 'source');
  write(source, 'file', 'one');
  const other = digestOf('other');
  const labels = { x: `","chainID":"${other}","labels":{`, chainID: other };
  await keep(source, { labels, key: `x","chainID":"${other}","y":"` });
  t.true(files().every((file) => file.startsWith(digestOf('layer').replace(':', '-'))));
  t.is(readdirSync(share).length, 1);
});

test('layer-share.sh is POSIX sh', (t) => {
  if (!requires(t, 'dash')) return;
  t.is(spawnSync('dash', ['-n', 'docs/examples/layer-share.sh']).status, 0);
});
