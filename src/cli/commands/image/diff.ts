import type { Difference } from '../../../engine/diff/diff.js';
import {
  holesFlag,
  limitFlags,
  platformFlag,
  readLimits,
  readMaxHoles,
  readPlatform,
} from '../../args/flags.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand, type Line } from '../../command.js';

const command = 'layerhook diff';

export default defineCommand({
  usage: '[--stat | --name-only | --patch | --json] IMAGE[:TAG] IMAGE[:TAG]|BUNDLE',
  description: `List how the files of the second image differ from those of the first one,
without unpacking: A for added, M for modified, D for deleted, and what of a
file differs. Either one may also be a bundle that unpack made. Content
counts by its digest. Files that differ only in their times are equal,
unless with --times.`,
  examples: [
    'layerhook diff --stat image:base image:changed',
    'layerhook diff --exit-code image:base bundle',
  ],
  arguments: ['IMAGE[:TAG]', 'IMAGE[:TAG]|BUNDLE'],
  options: {
    stat: { describe: 'show sizes, and a summary' },
    'name-only': { describe: 'print paths only' },
    patch: { alias: ['p'], describe: 'show how the content of text files differs, as a unified diff' },
    'max-size': { value: 'SIZE', describe: 'with --patch, skip larger files (default: 1MiB)' },
    times: { describe: 'count files that differ only in their times' },
    'exit-code': { describe: 'exit with status 1 if there are differences' },
    ...platformFlag,
    ...holesFlag,
    ...limitFlags,
  },
  json: true,
  endsImmediately: true,
  async run([before, after], options, { show }) {
    const { stat, 'name-only': nameOnly, patch, times, 'max-size': size = '1MiB' } = options;
    if (Number(stat) + Number(nameOnly) + Number(patch) > 1)
      throw usageError('--stat, --name-only and --patch are mutually exclusive', command);
    const maxBytes = parseBytes(size, '--max-size', command);
    const { changeRow, diffImages } = await import('../../../engine/diff/diff.js');
    const lines = await import('./change-lines.js');
    const found = await diffImages({
      ...{ before: before!, after: after!, times, maxHoles: readMaxHoles(options, command) },
      ...{ ...readPlatform(options), ...readLimits(options, command) },
    });
    const { changes } = found;
    await show({
      json: function* () {
        for (const change of changes) yield changeRow(found, change);
      },
      text: () => {
        if (patch) return patchLines(found, maxBytes);
        if (stat) return lines.statLines(found);
        return changes.map((change) => (nameOnly ? lines.nameLine(change) : lines.statusLine(change)));
      },
    });
    return options['exit-code'] && changes.length > 0 ? 1 : 0;
  },
});

async function* patchLines({ before, after, changes }: Difference, maxBytes: number): AsyncGenerator<Line> {
  const { patchesOf } = await import('../../../engine/diff/patches.js');
  const { omittedLine } = await import('./change-lines.js');
  for await (const { change, patch } of patchesOf(before, after, changes, { maxBytes })) {
    if ('omitted' in patch) yield omittedLine(change, patch.omitted);
    else yield patch.diff.subarray(0, patch.diff.length - 1);
  }
}
