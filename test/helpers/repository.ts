import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Returns the paths of the files that git tracks, relative to the root of the repository, where tests run. */
export function committedFiles(): string[] {
  const list = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { encoding: 'utf8' });
  return list.split('\0').filter((path) => path !== '' && existsSync(path));
}
