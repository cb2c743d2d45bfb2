import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import type { CommandContext } from '../../command.js';

/**
 * Starts `layerhook store sync` in the background if the store has layers that are only in memory. The command ends
 * without waiting for the disk, and the layers will still be trusted after a power loss.
 *
 * @throws LayerhookError as for opening the store
 * @throws Error of node:child_process if the process cannot start
 */
export async function syncLater(
  { store: dir }: { store: string | undefined },
  { hooksFile }: Pick<CommandContext, 'hooksFile'>,
): Promise<void> {
  const { openChosenStore } = await import('../../../engine/open-store.js');
  const { root, store } = await openChosenStore({ store: dir, hooksFile });
  if (store === null) return;
  const contents = await store.list();
  await store.close();
  if (!contents.some(({ usage, flushed, trusted }) => usage !== undefined && trusted && !flushed)) return;
  // by the program's real path: called as umoci, it has no command store
  const command = [realpathSync(process.argv[1]!), 'store', 'sync', '--store', root];
  const child = spawn(process.execPath, command, { cwd: '/', detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  child.unref();
}
