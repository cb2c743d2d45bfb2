import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import type { CommandContext } from '../../command.js';

/**
 * Lets a `layerhook store sync` run on after this command has ended, if the store has layers that are only in memory. Nobody
 * waits for the disk so, and the layers are trusted after a power loss too.
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
  // by its own name: called umoci, it has no store
  const command = [realpathSync(process.argv[1]!), 'store', 'sync', '--store', root];
  const child = spawn(process.execPath, command, { cwd: '/', detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  child.unref();
}
