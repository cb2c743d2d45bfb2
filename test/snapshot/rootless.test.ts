import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const program = fileURLToPath(new URL('./rootless-program.js', import.meta.url));
/** In a mount namespace of its own, with a /dev/fuse that all may open, as nearly everywhere; then as the user 1000. */
const script = `set -e
mount -t tmpfs none /mnt
mknod /mnt/fuse c 10 229
chmod 666 /mnt/fuse
mount --bind /mnt/fuse /dev/fuse
exec setpriv --reuid=1000 --regid=1000 --clear-groups \
  --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "$@"`;

function runRootless(t: ExecutionContext, wrapper: string[], env: Record<string, string> = {}) {
  const dir = tmpdir(t);
  chownSync(dir, 1000, 1000);
  const argv = ['-m', 'sh', '-c', script, 'sh', ...wrapper, process.execPath, program, dir];
  return JSON.parse(execFileSync('unshare', argv, { encoding: 'utf8', env: { ...process.env, ...env } }));
}

const result = {
  seen: ['low', 'high'],
  unmounted: [true, false],
  upper: 'changed',
  rootfs: [],
};

test('a user who may not mount gets an overlay by fuse-overlayfs', (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs', 'fusermount3', 'setpriv')) return;
  const found = runRootless(t, []);
  t.like(found, { uid: 1000, type: 'fuse.fuse-overlayfs', ...result });
  t.like(found.support, { by: 'fuse', reason: 'only root may mount overlays' });
});

test('a user namespace with mounts of its own mounts by the kernel', (t) => {
  if (!requires(t, 'root', 'setpriv')) return;
  const found = runRootless(t, ['unshare', '-U', '-r', '-m']);
  t.like(found, { uid: 0, type: 'overlay', ...result });
  t.deepEqual(found.support, { by: 'kernel' });
});
