#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { commands } from './commands/index.js';
import { main } from './program.js';

/** Node's exit status when nothing is left to wait for, and the command has not ended. */
const UNSETTLED = 13;

process.once('exit', () => {
  if (process.exitCode !== UNSETTLED) return;
  writeSync(2, 'layerhook: the command ended without a result; this is a bug, please report it\n');
});
// until it ends: node itself sets this only where a module awaits
process.exitCode = UNSETTLED;
void main(process.argv, commands).then((status) => {
  // at once: all has been written, and what node takes down otherwise the kernel takes down sooner
  process.exit(status);
});
