import { type HoleBudget, holeBudget } from '../../layer/holes.js';

/** Limits how many bytes of holes in sparse files an archive stores as zeros. */
export function archivedHoles(): HoleBudget {
  return holeBudget(undefined, 'which the method copy does not have');
}

/** Parses `UID`, `UID:GID` or ''. */
export function ownerOf(owner: string): { uid?: number; gid?: number } | undefined {
  if (owner === '') return undefined;
  const [uid, gid] = owner.split(':').map(Number);
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
}
