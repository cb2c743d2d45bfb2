/** `snapshotter serve --layers erofs` with the containerd of this machine. */
import { join } from 'node:path';
import test from 'ava';
import { openStore } from '../../src/store/index.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { runContainerd } from '../helpers/containerd.js';
import { errorLine } from '../helpers/error-line.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { layeredImage, proxyConfig, runScript, shown, startDaemon } from './snapshotter.js';

const isOld = (version: string) => /v?(?:1|2\.0)\./.test(version);

test('an older containerd is refused; a later one gets its layers as images', async (t) => {
  if (!requires(t, 'root', 'containerd', 'ctr', 'runc')) return;
  const dir = tmpdir(t);
  // containerd is not there yet
  const daemon = await startDaemon(t, ['--layers', 'erofs', '--containerd', join(dir, 'containerd.sock')]);
  const containerd = await runContainerd(dir, { config: proxyConfig(daemon) });
  t.teardown(() => containerd.stop());
  const { ctr, socket } = containerd;
  const version = /Server:\s+Version:\s+(\S+)/.exec(await succeed(t, ctr('version')))![1]!;
  const image = layeredImage(t);
  await succeed(t, ctr('image', 'import', '--snapshotter', 'layerhook', image.archive));
  t.is(await runScript(t, ctr, image.name), shown);
  await using store = await openStore({ root: daemon.store });
  const forms = (await store.list()).filter(({ usage }) => usage).map(({ erofs }) => erofs?.from ?? 'files');
  t.deepEqual(new Set(forms), new Set([isOld(version) ? 'files' : 'directory']));
  if (!isOld(version)) return;
  t.regex(daemon.log(), /stay directories: containerd has the version (?:v?1|v?2\.0)\./);
  const args = ['snapshotter', 'serve', '--address', join(dir, 'other.sock'), '--store', join(dir, 'store')];
  const refused = await layerhook([...args, '--layers', 'erofs', '--containerd', socket]);
  t.is(refused.status, 10);
  t.regex(refused.stderr, errorLine('CONTAINERD_VERSION'));
  t.regex(refused.stderr, /layers cannot be EROFS images: containerd has the version/);
});

test('bad values of the options are usage errors', async (t) => {
  const args = ['snapshotter', 'serve', '--address', join(tmpdir(t), 'socket')];
  const form = await layerhook([...args, '--layers', 'squashfs']);
  t.regex(form.stderr, /--layers squashfs: use directory or erofs/);
  const socket = await layerhook([...args, '--containerd', '/x.sock']);
  t.regex(socket.stderr, /--containerd needs --layers erofs/);
  t.deepEqual([form.status, socket.status], [2, 2]);
});
