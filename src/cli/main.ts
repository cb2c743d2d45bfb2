#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { commands } from './commands/index.js';
import { isAllWritten } from './output/streams.js';
import { main } from './program.js';

/** Node's exit status when nothing is left to wait for, and the command has not ended. */
const UNSETTLED = 13;

// for src/system/libc.ts, which may be in another file of the bundle
Object.defineProperty(process, Symbol.for('layerhook.own-process'), { value: true });
process.once('exit', () => {
  if (process.exitCode !== UNSETTLED) return;
  writeSync(2, 'layerhook: the command ended without a result; this is a bug, please report it\n');
});
// until it ends: node itself sets this only where a module awaits
process.exitCode = UNSETTLED;
void main(process.argv, commands).then((status) => {
  process.exitCode = status;
  // what node would take down now, the kernel takes down sooner; but a pipe's reader may be slow
  if (isAllWritten()) process.exit();
});
