import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainIDs } from '../../../image/chain.js';
import { openLayout } from '../../../image/layout.js';
import { parseImageReference } from '../../../image/references.js';
import { resolveReference } from '../../../image/resolve.js';
import { refLabel } from '../../../store/context/labels.js';
import { removeTree } from '../../../system/remove.js';
import { formatCounted } from '../../../text/counted.js';
import { usageError } from '../../args/usage.js';

/**
 * Returns the context of a `snapshot.` point for a layer of an image. A temporary empty directory stands for the layer.
 *
 * @param reference `LAYOUT[:TAG]`
 * @throws LayerhookError USAGE if the image lacks the layer; the errors of reading the image
 */
export function snapshotByHand(
  reference: string,
  index: number,
): { fields: Record<string, unknown>; dispose: () => void } {
  const { path, tag } = parseImageReference(reference);
  const diffIDs = resolveReference(openLayout(path), tag).config.rootfs.diff_ids;
  const chain = chainIDs(diffIDs);
  const chainID = chain[index];
  if (chainID === undefined) {
    const reason = `--layer ${index}: the image has ${formatCounted(chain.length, 'layers')}, counted from 0`;
    throw usageError(reason, 'layerhook hooks run');
  }
  const directory = mkdtempSync(join(tmpdir(), 'layerhook-run-'));
  const fields = {
    chainID,
    diffID: diffIDs[index],
    lowerChainIDs: chain.slice(0, index),
    client: 'containerd',
    key: `by-hand/1/extract-1 ${chainID}`,
    parent: index === 0 ? '' : `by-hand/0/${chain[index - 1]}`,
    labels: { [refLabel]: chainID },
    lowerdirs: [],
    overlayXattr: 'trusted',
    target: directory,
    source: directory,
  };
  // not through the mounts of a hook
  return { fields, dispose: () => void removeTree(directory) };
}
