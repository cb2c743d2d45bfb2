import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { makeWhiteout, type OverlayFormat } from '../../src/layer/overlay-marks.js';
import { carryOver } from '../../src/overlay/carry-over.js';
import { fromText } from '../../src/system/bytes.js';
import { poweredDisk } from '../helpers/power.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

for (const format of ['trusted', 'fuse'] as OverlayFormat[]) {
  test(`${format}: a deletion is carried over where devices 0:0 are refused, as on another overlay`, async (t) => {
    if (!requires(t, 'root', 'mount')) return;
    const base = tmpdir(t);
    const mount = (at: string, options: string) => {
      execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', at]);
      t.teardown(() => execFileSync('umount', [at]));
    };
    for (const name of ['lower', 'upper', 'work', 'outer', 'merged']) mkdirSync(join(base, name));
    const outer = join(base, 'outer');
    mount(outer, `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`);
    const at = (...names: string[]) => join(outer, ...names);
    for (const name of ['layer', 'layer/d', 'old', 'old/d', 'new']) mkdirSync(at(name));
    for (const name of ['a', 'b', 'd/a', 'd/b']) writeFileSync(at('layer', name), '');
    for (const path of ['a', 'd/a']) makeWhiteout(fromText(at('old')), path, format);
    const places = { upperdir: at('old'), to: at('new'), lowerdirs: [at('layer')] };
    t.true((await carryOver(places, [], format)) >= 2);
    const hides = format === 'fuse' ? ['.wh.a', 'd/.wh.a'] : ['a', 'd/a'];
    for (const name of hides) t.true(lstatSync(at('new', name)).isFile());
    if (format === 'fuse') return;
    mount(join(base, 'merged'), `lowerdir=${at('new')}:${at('layer')}`);
    const shown = readdirSync(join(base, 'merged'), { recursive: true, encoding: 'utf8' });
    t.deepEqual(shown.sort(), ['b', 'd', 'd/b']);
  });
}

for (const type of ['ext4', 'xfs'] as const) {
  test(`what was carried over survives a power loss: ${type}`, async (t) => {
    if (!requires(t, 'root', 'mount', `mkfs.${type}`)) return;
    const disk = poweredDisk(t, type);
    const at = (...names: string[]) => join(disk.root, ...names);
    for (const name of ['layer', 'old', 'old/d']) mkdirSync(at(name));
    writeFileSync(at('layer', 'gone'), '');
    for (const name of ['a', 'd/b']) writeFileSync(at('old', name), name);
    makeWhiteout(fromText(at('old')), 'gone', 'trusted');
    execFileSync('sync', ['-f', disk.root]);
    mkdirSync(at('new'));
    await carryOver({ upperdir: at('old'), to: at('new'), lowerdirs: [at('layer')] }, [], 'trusted');
    disk.losePower('nothing');
    t.deepEqual(readdirSync(at('new')).sort(), ['a', 'd', 'gone']);
    t.is(readFileSync(at('new', 'd/b'), 'utf8'), 'd/b');
  });
}
