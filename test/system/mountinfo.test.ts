import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fromText } from '../../src/system/bytes.js';
import { mountBind, unmount } from '../../src/system/mount.js';
import { findMount, mountsBelow, parseMountInfo, readMountInfo } from '../../src/system/mountinfo.js';
import {
  escapeOverlayPath,
  joinLowerdirs,
  overlayDirsOf,
  splitLowerdirs,
  unescapeOverlayPath,
} from '../../src/system/overlay-options.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

test('a line with optional fields, escapes and bytes', (t) => {
  const line =
    '36 35 98:0 /mnt\\0401 /m\\011\\134\\012\xff rw,noatime master:1 shared:2 - fuse.x\\040y host:/a\\043 rw,upperdir=/a\\054b\\075c';
  t.deepEqual(parseMountInfo(line), {
    id: 36,
    parent: 35,
    device: '98:0',
    root: '/mnt 1',
    mountPoint: '/m\t\\\n\xff',
    options: ['rw', 'noatime'],
    type: 'fuse.x y',
    source: 'host:/a#',
    superOptions: [
      ['rw', ''],
      ['upperdir', '/a,b=c'],
    ],
  });
});

test('the mounts of this machine are read', (t) => {
  t.is(findMount('/proc')?.type, 'proc');
  t.true(
    readMountInfo().every(({ id, type, mountPoint }) => id > 0 && type !== '' && mountPoint.startsWith('/')),
  );
  t.is(findMount('/proc/self'), undefined);
});

rootTest('mounts below a directory are those in it, not those of its namesakes, the last one on top', (t) => {
  const dir = tmpdir(t);
  const places = ['a', 'a/b', 'ab', 'a/new\nline \\ x'].map((name) => fromText(join(dir, name)));
  for (const place of places) mkdirSync(place, { recursive: true });
  const [a, b, ab, odd] = places as [string, string, string, string];
  const bind = [odd, b, ab].map((place) => [dir, place] as const);
  for (const [source, place] of bind) mountBind(fromText(source), place);
  t.teardown(() => bind.map(([, place]) => unmount(place, { detach: true })));
  t.deepEqual(
    mountsBelow(a).map(({ mountPoint }) => mountPoint),
    [odd, b],
  );
  mountBind(a, b);
  t.teardown(() => unmount(b, { detach: true }));
  t.true(findMount(b)?.root.endsWith('/a'));
});

const paths = ['/plain', '/a:b', '/a,b', '/a\\b', '/\\:', '/x\\,:\\\\', '/new\nline'];

test('paths come back from the options of an overlay', (t) => {
  for (const path of paths) t.is(unescapeOverlayPath(escapeOverlayPath(path)), path);
  t.deepEqual(splitLowerdirs(joinLowerdirs(paths)), paths);
  t.deepEqual(splitLowerdirs('/a:/b::/data'), ['/a', '/b']);
  t.deepEqual(
    overlayDirsOf(parseMountInfo('1 2 0:1 / /m rw - overlay overlay ro,lowerdir=/a\\134:b:/c,uuid=on')),
    {
      lowerdirs: ['/a:b', '/c'],
    },
  );
});
