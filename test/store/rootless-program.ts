/**
 * What a user without privileges can do: mounts an overlay in the directory that is its argument, changes a file in it, mounts
 * it again, unmounts it twice, and prints as JSON what it saw.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll, unmountAll } from '../../src/overlay/mount.js';
import { overlayOptions } from '../../src/overlay/mount-options.js';
import { chooseOverlay } from '../../src/overlay/overlay-support.js';
import { neededOverlayFlags } from '../../src/store/snapshots/mounts.js';
import { fromText } from '../../src/system/bytes.js';
import { findMount } from '../../src/system/mountinfo.js';

const dir = process.argv[2]!;
const at = (...names: string[]) => join(dir, ...names);
for (const name of ['low, \\er/etc', 'high', 'upper', 'work', 'rootfs'])
  mkdirSync(at(name), { recursive: true });
writeFileSync(at('low, \\er/etc/motd'), 'low');
writeFileSync(at('high/file'), 'high');

const support = chooseOverlay(dir);
const dirs = {
  lowerdirs: [at('high'), at('low, \\er')],
  upperdir: at('upper'),
  workdir: at('work'),
};
const options = [...overlayOptions(dirs), ...neededOverlayFlags()];
const mounts = [{ type: 'overlay', source: 'overlay', target: '', options } as const];
await mountAll(mounts, at('rootfs'), { support });
await mountAll(mounts, at('rootfs'), { support });
const type = findMount(fromText(at('rootfs')))?.type;
const seen = [readFileSync(at('rootfs/etc/motd'), 'utf8'), readFileSync(at('rootfs/file'), 'utf8')];
writeFileSync(at('rootfs/etc/motd'), 'changed');
const unmounted = [await unmountAll(at('rootfs')), await unmountAll(at('rootfs'))];
process.stdout.write(
  JSON.stringify({
    ...{ uid: process.getuid?.(), support, type, seen, unmounted },
    upper: readFileSync(at('upper/etc/motd'), 'utf8'),
    rootfs: readdirSync(at('rootfs')),
  }),
);
