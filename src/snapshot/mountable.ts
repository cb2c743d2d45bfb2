import { LayerhookError } from '../errors/index.js';
import { type Context, requireName } from './context.js';
import type { Reader } from './metadata/database.js';

/** The kind of a snapshot that has mounts. @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION */
export function requireMountable({ client }: Context, reader: Reader, key: string): 'active' | 'view' {
  const { kind } = requireName(reader, client, key);
  if (kind !== 'committed') return kind;
  const reason = 'it is committed: only active snapshots and views have mounts';
  throw new LayerhookError('SNAPSHOT_PRECONDITION', { name: key, reason });
}
