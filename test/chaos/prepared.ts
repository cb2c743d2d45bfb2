/** What scenarios share: images, bundles with changes, and the commands that collect garbage. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { writeImage } from '../../src/testing/image.js';
import { layers } from './image.js';
import { bundle, listed, tags } from './look.js';
import { lh, type Place, succeedIn } from './place.js';

export function image({ layout }: Place): void {
  writeImage(layout, layers, {});
}

export const unpack = (place: Place, driver: string) =>
  lh('unpack', '--driver', driver, '--image', `${place.layout}:latest`, place.bundle);

/** A bundle with changes that have been flushed. */
export function changedBundle(place: Place, driver: string): void {
  image(place);
  succeedIn(place, unpack(place, driver));
  const change = 'echo changed > d/large; rm s; mkdir new; echo new > new/file; chmod 700 e; sync -f .';
  execFileSync('sh', ['-ec', change], { cwd: join(place.bundle, 'rootfs') });
}

export const mountBundle = (place: Place) => void succeedIn(place, lh('bundle', 'mount', place.bundle));
export const layoutGc = (place: Place) => [lh('gc', '--layout', place.layout)];
export const storeGc = () => [lh('store', 'gc')];
export const bothGc = (place: Place) => [...layoutGc(place), ...storeGc()];
export const whole = [tags, bundle, listed];
