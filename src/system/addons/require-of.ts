import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * Returns the `require` of a package that layerhook depends on, to load what that package depends on. `require.resolve` finds
 * the same package, but reads the `exports` of its package.json, which takes 2 ms of CPU time for koffi and lmdb.
 *
 * @throws Error if the package is not installed
 */
export function requireOf(name: string): NodeJS.Require {
  const require = createRequire(import.meta.url);
  const directories = require.resolve.paths(name) ?? [];
  const directory = directories.map((path) => join(path, name)).find((path) => existsSync(path));
  // a loader that keeps packages elsewhere, such as Yarn's Plug'n'Play
  if (directory === undefined) return createRequire(require.resolve(name));
  return createRequire(join(realpathSync(directory), 'package.json'));
}
