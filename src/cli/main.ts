#!/usr/bin/env node
import * as module from 'node:module';

// Node 22 and later keep the compiled program for the next start.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();
const [{ main }, { commands }] = await Promise.all([import('./program.js'), import('./commands/index.js')]);
process.exitCode = await main(process.argv, commands);
