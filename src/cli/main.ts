#!/usr/bin/env node
import { writeSync } from 'node:fs';
import * as module from 'node:module';

/** Node's exit status when nothing is left to wait for, and the command has not ended. */
const UNSETTLED = 13;

// Node 22 and later keep the compiled program for the next start.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();
process.once('exit', () => {
  if (process.exitCode !== UNSETTLED) return;
  writeSync(2, 'layerhook: the command ended without a result; this is a bug, please report it\n');
});
const [{ main }, { commands }] = await Promise.all([import('./program.js'), import('./commands/index.js')]);
process.exitCode = await main(process.argv, commands);
