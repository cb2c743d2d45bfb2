#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { markOwnProcess } from '../system/own-process.js';
import { commands } from './commands/index.js';
import { isAllWritten } from './output/streams.js';
import { main } from './program.js';

/** Node's exit status for a promise that never settles: the event loop is empty, but the command has not ended. */
const unsettled = 13;

markOwnProcess();
process.once('exit', () => {
  if (process.exitCode !== unsettled) return;
  writeSync(2, 'layerhook: the command ended without a result; this is a bug, please report it\n');
});
// node sets this status only for a top-level await; the result of the command replaces it
process.exitCode = unsettled;
void main(process.argv, commands).then((status) => {
  process.exitCode = status;
  // exit skips node's clean-up, which the kernel does faster; unwritten output must wait for a slow reader
  if (isAllWritten()) process.exit();
});
