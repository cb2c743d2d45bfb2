/** Layers of a few kilobytes that ask for gigabytes: they are refused before they take them, by every driver. */
import { join } from 'node:path';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { peakMemory } from '../helpers/peak.js';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

const ceiling = 500 * 2 ** 20;
const many = (count: number, make: (at: number) => RawEntry) =>
  Array.from({ length: count }, (_, at) => make(at));
const number = (at: number) => String(at).padStart(6, '0');

const layers: Record<string, RawEntry[]> = {
  'long names of directories that it does not list': many(1500, (at) => ({
    name: `${`${number(at)}${'n'.repeat(190)}/`.repeat(19)}f`,
  })),
  'deep directories that it does not list': many(20, (at) => ({ name: `${at}/${'d/'.repeat(2000)}f` })),
  'whiteouts with long names': many(25_000, (at) => ({
    name: `${`${'d'.repeat(200)}/`.repeat(15)}.wh.${number(at)}`,
  })),
};

for (const driver of ['copy', 'overlay', 'erofs']) {
  for (const [what, entries] of Object.entries(layers)) {
    // an EROFS image keeps the whiteouts of the lowest layer nowhere
    if (driver === 'erofs' && what.startsWith('whiteouts')) continue;
    rootTest(`${driver}: a layer with ${what} is refused below 500 MiB of memory`, (t) => {
      if (!requires(t, 'python3')) return;
      const { reference } = buildImage(t, [tar(entries)]);
      const dir = tmpdir(t);
      const args = [
        'unpack',
        '--driver',
        driver,
        '--store',
        join(dir, 'store'),
        '--image',
        reference,
        join(dir, 'bundle'),
      ];
      const peak = peakMemory(process.execPath, [mainFile, ...args], 1);
      t.true(peak < ceiling, `unpack took ${Math.round(peak / 2 ** 20)} MiB`);
    });
  }
}
