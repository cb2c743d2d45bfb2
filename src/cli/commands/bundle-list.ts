import type { BundleEntry } from '../../engine/bundle-list.js';
import { defineCommand } from '../command.js';
import { storeFlag } from '../flags.js';
import { formatBytes, shortDigest } from '../quantities.js';

export default defineCommand({
  usage: '[--json]',
  description: `Lists the bundles that the layer store knows: whether they are mounted, the image that
they were unpacked from, what their changes take on disk, and where they are. Of a
missing one only the changes are left: bundle rm --force removes them.`,
  arguments: [],
  options: {
    ...storeFlag,
    json: { describe: 'print JSON' },
  },
  async run(_, { store, json }, { print, hooksFile }) {
    const { listBundles } = await import('../../engine/bundle-list.js');
    const bundles = await listBundles({ store, hooksFile });
    if (json) {
      print(JSON.stringify(bundles, null, 2));
      return;
    }
    const { quoteIfOdd } = await import('../go-format.js');
    const rows = bundles.map((entry) => [...columns(entry), quoteIfOdd(entry.bundle, false)]);
    for (const line of table([['STATE', 'IMAGE', 'CHANGES', 'BUNDLE'], ...rows])) print(line);
  },
});

function columns({ state, image, bytes }: BundleEntry): string[] {
  const name = image === null ? '-' : [image.tag, shortDigest(image.digest)].filter(Boolean).join('@');
  return [state, name, formatBytes(bytes)];
}

/** Columns side by side, as wide as they have to be; the last one ends its line. */
function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  '),
  );
}
