import { parentPort } from 'node:worker_threads';
import { transferError } from '../../errors/transfer.js';
import { eraseTree } from '../tree-work.js';
import type { Usage } from '../types.js';
import { usageOf } from '../usage.js';
import type { TreeAnswer, TreeTask } from './tree-thread.js';

/** Thread of a TreeThread. */
const port = parentPort!;

port.on('message', (task: TreeTask) => port.postMessage(answer(task)));

function answer(task: TreeTask): TreeAnswer {
  try {
    return { usage: run(task) };
  } catch (error) {
    return { error: transferError(error) };
  }
}

function run({ task, path }: TreeTask): Usage | null {
  if (task === 'measure') return usageOf(path);
  eraseTree(path);
  return null;
}
