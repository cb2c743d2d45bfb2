import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';

/** Removes a directory tree, also where its modes keep its owner out (as an unprivileged unpack may leave it). */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    openDirectories(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

function openDirectories(path: Buffer): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const name of readdirSync(path, { encoding: 'buffer' }))
    openDirectories(Buffer.concat([path, Buffer.from('/'), name]));
}
