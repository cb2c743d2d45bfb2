/** Writes the man pages of all commands to dist/man, from the command table. The build runs it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../dist/src/cli/commands/index.js';
import { manFile, manPage } from '../dist/src/cli/reference/man.js';
import { listReference } from '../dist/src/cli/reference/walk.js';
import { packageVersion } from '../dist/src/places.js';

const directory = 'dist/man';
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
for (const entry of await listReference(commands))
  writeFileSync(join(directory, manFile(entry)), manPage(entry, packageVersion()));
