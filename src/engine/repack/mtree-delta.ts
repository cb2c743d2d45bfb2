import type { Delta } from 'mtree-ts';
import { reasonOf } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import type { Change, ChangeKind } from '../../layer/types.js';
import { showBytes } from '../../system/bytes.js';
import { checkMtree } from '../bundle/mtree-check.js';

/**
 * Returns what changed in a rootfs since its mtree was written, by reading every file and comparing umoci's keywords.
 * They record neither device numbers nor the file that a hardlink belongs to.
 *
 * @throws LayerhookError ABORTED, MTREE_INVALID, SYSTEM
 */
export async function mtreeDelta({
  rootfs,
  mtreeFile,
  signal,
}: {
  rootfs: string;
  mtreeFile: string;
  signal?: AbortSignal;
}): Promise<Change[]> {
  const deltas = await checkMtree(rootfs, mtreeFile, signal);
  return deltas.map((delta) => ({ path: delta.path, kind: kindOf(rootfs, delta) }));
}

const kinds: Record<'missing' | 'extra' | 'modified', ChangeKind> = {
  missing: 'delete',
  extra: 'add',
  modified: 'modify',
};

function kindOf(rootfs: string, { type, path, error }: Delta): ChangeKind {
  if (type !== 'errored') return kinds[type];
  const what = `cannot read ${rootfs}/${showBytes(path)}`;
  const reason = reasonOf(error);
  throw new LayerhookError('SYSTEM', { what, reason, expected: 'check its permissions' }, error);
}
