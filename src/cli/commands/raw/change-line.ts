import type { Change } from '../../../layer/types.js';
import { encodeName } from '../../../text/json-names.js';

/** Returns a change as a line of a delta: docs/hook-protocol.md, "Lists of changes". */
export function changeLine({ path, kind, inode }: Change): string {
  return JSON.stringify({ ...encodeName('path', path), kind, inode });
}
