import { chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { requires } from '../helpers/requires.js';
import { runRootless } from '../helpers/rootless.js';
import { tmpdir } from '../helpers/tmp.js';

const program = fileURLToPath(new URL('./rootless-program.js', import.meta.url));

function tryOverlay(t: ExecutionContext, wrapper: string[]) {
  const dir = tmpdir(t);
  chownSync(dir, 1000, 1000);
  return JSON.parse(runRootless([...wrapper, process.execPath, program, dir]));
}

const result = {
  seen: ['low', 'high'],
  unmounted: [true, false],
  upper: 'changed',
  rootfs: [],
};

test('a user without the right to mount gets an overlay by fuse-overlayfs', (t) => {
  if (!requires(t, 'root', 'fuse-overlayfs', 'fusermount3', 'setpriv')) return;
  const found = tryOverlay(t, []);
  t.like(found, { uid: 1000, type: 'fuse.fuse-overlayfs', ...result });
  t.like(found.support, { by: 'fuse', reason: 'only root may mount overlays' });
});

test('a user namespace with mounts of its own mounts by the kernel', (t) => {
  if (!requires(t, 'root', 'setpriv')) return;
  const found = tryOverlay(t, ['unshare', '-U', '-r', '-m']);
  t.like(found, { uid: 0, type: 'overlay', ...result });
  t.deepEqual(found.support, { by: 'kernel' });
});
