import { LayerhookError } from 'layerhook';
import type { Means } from './one.js';
import type { Records } from './records.js';
import { attempt } from './run.js';

/**
 * Makes the archives that failed or were interrupted.
 *
 * @param containers IDs of the containers; empty for all
 * @returns the number of archives that failed again
 * @throws LayerhookError USAGE if a container is not recorded
 */
export async function retryArchives(
  records: Records,
  containers: readonly string[],
  means: Means,
): Promise<number> {
  const names = records.names().sort();
  const known = new Set(names.map((name) => records.read(name)?.container));
  const unknown = containers.find((id) => !known.has(id));
  if (unknown !== undefined) {
    const reason = `container ${unknown} has no recorded archive`;
    throw new LayerhookError('USAGE', { reason, command: 'archive_overlay' });
  }
  let failed = 0;
  for (const name of names) {
    const id = records.read(name)?.container;
    if (id === undefined || (containers.length > 0 && !containers.includes(id))) continue;
    failed += await records.locked(name, means.signal, () => retryRecord(records, name, means));
  }
  return failed;
}

async function retryRecord(records: Records, name: string, means: Means): Promise<number> {
  const record = records.read(name);
  if (record === null) return 0;
  let failed = 0;
  for (const [key, { status }] of Object.entries(record.archives)) {
    if (status === 'done') continue;
    const save = () => records.write(name, record);
    if (!(await attempt(record, key, means, save))) failed += 1;
  }
  return failed;
}
