import type { InspectedImage, InspectedLayer } from '../../../engine/inspect/inspect.js';
import type { FailedRule, InspectRules } from '../../../engine/inspect/rules.js';
import type { SizedPath } from '../../../engine/inspect/sizes.js';
import type { Amount } from '../../../engine/inspect/watcher.js';
import { counted } from '../../../errors/counted.js';
import { fit, formatBytes, shortDigest } from '../../../terminal/quantities.js';
import { formatCount, formatCounted } from '../../../text/counted.js';
import { table } from '../../output/table.js';
import { quoteIfOdd } from '../../umoci/go-format.js';
import { showName } from './file-lines.js';

const commandWidth = 60;

/** Returns the figures of an image for people. */
export function* imageLines(image: InspectedImage): Generator<string> {
  const { layers, compressed, uncompressed, paths, bytes, wastedBytes, wastedPercent, efficiency } = image;
  yield* table([
    ['LAYER', 'DIGEST', 'COMPRESSED', 'TAR', 'ADDED', 'CHANGED', 'DELETED', 'WASTED', 'CREATED BY'],
    ...layers.map(layerRow),
  ]);
  yield '';
  yield* table([
    [
      'layers',
      `${layers.length}, ${formatBytes(compressed)} compressed, ${formatBytes(uncompressed)} as tars`,
    ],
    ['files', `${formatCounted(paths, 'paths')} with ${formatBytes(bytes)}`],
    ['wasted', `${formatBytes(wastedBytes)}, ${percent(wastedPercent)} of the bytes in all layers`],
    ['efficiency', percent(efficiency)],
  ]);
  yield* section('Largest files', image.largestFiles);
  yield* section('Largest directories', image.largestDirectories);
  yield* section('Wasted by later layers', image.wastedPaths, ({ copies }) =>
    copies === 1 ? '' : ` (${formatCount(copies)} copies)`,
  );
}

const wordsOfRule: Readonly<Record<keyof InspectRules, (failed: FailedRule) => string>> = {
  lowestEfficiency: ({ value, limit }) =>
    `efficiency ${value.toFixed(4)} is below ${limit} (--lowest-efficiency)`,
  highestWastedBytes: ({ value, limit }) =>
    `${counted(value, 'bytes')} ${value === 1 ? 'is' : 'are'} wasted, more than ${limit} (--highest-wasted-bytes)`,
  highestWastedPercent: ({ value, limit }) =>
    `${value.toFixed(4)} of all bytes is wasted, more than ${limit} (--highest-wasted-percent)`,
};

export function failedLine(failed: FailedRule): string {
  return wordsOfRule[failed.rule](failed);
}

function layerRow(layer: InspectedLayer): string[] {
  const { digest, compressed, uncompressed, added, changed, deleted, wasted, createdBy } = layer;
  return [
    ...[String(layer.layer), shortDigest(digest), formatBytes(compressed), formatBytes(uncompressed)],
    ...[amount(added), amount(changed), amount(deleted), formatBytes(wasted)],
    commandText(createdBy ?? ''),
  ];
}

/** The history of an image is hostile text, such as names are. */
function commandText(command: string): string {
  return fit(quoteIfOdd(command, false), commandWidth);
}

function amount({ count, bytes }: Amount): string {
  return `${formatCount(count)} (${formatBytes(bytes)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function* section<T extends SizedPath>(
  title: string,
  rows: readonly T[],
  more: (row: T) => string = () => '',
): Generator<string> {
  if (rows.length === 0) return;
  yield '';
  yield `${title}:`;
  for (const row of rows) yield `${formatBytes(row.bytes).padStart(10)}  ${showName(row.path)}${more(row)}`;
}
