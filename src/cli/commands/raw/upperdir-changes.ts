import { defineCommand } from '../../command.js';
import { requireDirectories } from '../../files/directories.js';
import { changeLine } from './change-line.js';

export default defineCommand({
  usage: '--lowerdir DIRECTORIES UPPERDIR',
  description: `List what the upperdir of an overlay changes in the tree of its lowerdirs,
as JSON with one object per line: the path (pathBase64 if it is not UTF-8),
and the kind: add, modify or delete. No mount is needed. The output is a
valid result of a hook at repack.ociv1.layer.delta-list.`,
  examples: ['layerhook raw upperdir-changes --lowerdir lower upper'],
  arguments: ['UPPERDIR'],
  options: {
    lowerdir: {
      value: 'DIRECTORIES',
      required: true,
      describe: 'lower layers, highest first, as in mount options of overlay',
    },
    userxattr: { describe: 'the overlay is mounted with userxattr' },
  },
  async run([upperdir], { lowerdir, userxattr }, { signal, print }) {
    const { upperdirChanges } = await import('../../../overlay/changes/upperdir-changes.js');
    const { readLowerdirs } = await import('./lowerdirs.js');
    const format = userxattr ? 'user' : 'trusted';
    const lowerdirs = readLowerdirs(lowerdir);
    requireDirectories(upperdir!, ...lowerdirs);
    const { changes } = await upperdirChanges({ upperdir: upperdir!, lowerdirs, format, signal });
    for (const change of changes) print(changeLine(change));
  },
});
