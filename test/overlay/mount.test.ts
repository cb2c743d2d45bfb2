import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { mountAll, unmountAll, unmountTree } from '../../src/overlay/mount.js';
import { overlayOptions, readMountOptions } from '../../src/overlay/mount-options.js';
import { chooseOverlay } from '../../src/overlay/overlay-support.js';
import type { Mount } from '../../src/store/types.js';
import { fromText } from '../../src/system/bytes.js';
import { MS, mountBind, overlayRequest } from '../../src/system/mount.js';
import { findMount, mountsBelow } from '../../src/system/mountinfo.js';
import { mountByOptions } from '../../src/system/overlay-legacy.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

function place(t: ExecutionContext, layers = 2) {
  const dir = tmpdir(t);
  t.teardown(() => unmountTree(dir));
  const make = (name: string): string => {
    mkdirSync(join(dir, name), { recursive: true });
    return join(dir, name);
  };
  const lowerdirs = Array.from({ length: layers }, (_, at) => make(`layer: ${at}`));
  const [upperdir, workdir, target] = ['upper', 'work', 'target'].map(make) as [string, string, string];
  const options = overlayOptions({ lowerdirs, upperdir, workdir });
  const overlay: Mount = { type: 'overlay', source: 'overlay', target: '', options };
  const view: Mount = { ...overlay, options: overlayOptions({ lowerdirs }) };
  const bind: Mount = { type: 'bind', source: lowerdirs[0]!, target: '', options: ['ro', 'rbind'] };
  return { dir, target, lowerdirs, upperdir, workdir, overlay, view, bind };
}

test("containerd's options are understood", (t) => {
  const options = [
    'index=off',
    'userxattr',
    'workdir=/w',
    'upperdir=/u\\,',
    'lowerdir=/a\\:b:/c',
    'ro',
    'nodev',
  ];
  t.deepEqual(readMountOptions({ type: 'overlay', source: 'overlay', target: '', options }), {
    type: 'overlay',
    source: 'overlay',
    flags: MS.RDONLY | MS.NODEV,
    recursive: false,
    options: ['index=off', 'userxattr'],
    lowerdirs: ['/a:b', '/c'],
    upperdir: '/u,',
    workdir: '/w',
  });
  const bind = readMountOptions({ type: 'bind', source: '/é', target: '', options: ['rbind', 'rw'] });
  t.like(bind, { source: '/\xc3\xa9', flags: 0, recursive: true, options: [] });
});

for (const kind of ['overlay', 'view', 'bind'] as const) {
  rootTest(`an existing mount (${kind}) is kept, and can be unmounted repeatedly`, async (t) => {
    const { target, ...mounts } = place(t);
    await mountAll([mounts[kind]], target);
    const { id } = findMount(fromText(target))!;
    await mountAll([mounts[kind]], target);
    t.is(findMount(fromText(target))?.id, id);
    t.is(mountsBelow(fromText(target)).length, 1);
    for (const other of ['overlay', 'view', 'bind'] as const) {
      if (other === kind) continue;
      const error = await t.throwsAsync(mountAll([mounts[other]], target));
      t.true(isLayerhookError(error, 'MOUNT_FAILED'), String(error));
      t.regex(error!.message, /a mount of type \w+ is there$/);
    }
    t.true(await unmountAll(target));
    t.false(await unmountAll(target));
  });
}

rootTest('an overlay that was mounted by relative names is known again', async (t) => {
  const { target, overlay, lowerdirs, upperdir, workdir } = place(t, 300);
  const request = overlayRequest({ lowerdirs: lowerdirs.map(fromText), upperdir, workdir });
  t.is(mountByOptions(request, fromText(target)), null);
  await mountAll([overlay], target);
  t.is(mountsBelow(fromText(target)).length, 1);
});

rootTest('mounts are made in order, and none is left if one fails', async (t) => {
  const { target, overlay, bind, lowerdirs } = place(t);
  mkdirSync(join(lowerdirs[0]!, 'inner'));
  await mountAll([overlay, { ...bind, target: 'inner' }], target);
  t.deepEqual(mountsBelow(fromText(target)).map(({ type }) => type)[0], 'overlay');
  t.is(mountsBelow(fromText(target)).length, 2);
  await unmountTree(target);
  t.deepEqual(mountsBelow(fromText(target)), []);
  await t.throwsAsync(mountAll([overlay, { ...bind, target: 'no/such' }], target));
  t.deepEqual(mountsBelow(fromText(target)), []);
});

rootTest('mounts that hide each other go together; those in them keep them', async (t) => {
  const { target, lowerdirs } = place(t);
  const [first, second] = lowerdirs as [string, string];
  mountBind(fromText(first), fromText(target));
  mountBind(fromText(second), fromText(target));
  mkdirSync(join(target, 'inner'));
  writeFileSync(join(target, 'inner/file'), '');
  mountBind(fromText(first), fromText(join(target, 'inner')));
  const error = await t.throwsAsync(unmountAll(target));
  t.true(isLayerhookError(error, 'UNMOUNT_FAILED'), String(error));
  t.true(await unmountAll(join(target, 'inner')));
  t.true(await unmountAll(target));
  t.deepEqual(readdirSync(target), []);
});

rootTest('root mounts by the kernel, but not what lies on an overlay', async (t) => {
  const { dir, target, overlay } = place(t);
  t.deepEqual(chooseOverlay(dir), { by: 'kernel' });
  await mountAll([overlay], target);
  const support = chooseOverlay(target);
  t.not(support.by, 'kernel');
  t.regex(
    support.by === 'kernel' ? '' : support.reason,
    /target is on overlay, where overlayfs cannot write/,
  );
});
