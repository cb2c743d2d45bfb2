import { parentPort, workerData } from 'node:worker_threads';
import { writeDirectoryImage } from '../erofs/directory-image.js';
import { LayerhookError } from '../errors/index.js';
import { transferError } from '../errors/transfer.js';
import { eraseTree } from '../store/context/tree-work.js';
import { usageIfThere, usageOfLayer } from '../store/context/usage.js';
import type { TreeAnswer, TreeTask, Usages } from './tree-thread.js';

/** Entry point of the thread of a TreeThread. */
const port = parentPort!;
const stop = workerData as Int32Array;

port.on('message', (task: TreeTask) => port.postMessage(answer(task)));

function answer(task: TreeTask): TreeAnswer {
  try {
    return { usages: run(task) };
  } catch (error) {
    return { error: transferError(error) };
  }
}

function run(task: TreeTask): Usages {
  if ('measureAll' in task) return task.measureAll.map(usageIfThere);
  if ('measureLayer' in task) return [usageOfLayer(task.measureLayer)];
  if ('imageOf' in task) writeDirectoryImage(task.imageOf, task.image);
  else eraseTrees(task.erase);
  return [];
}

/** Erases trees; a failure does not stop the others, and the first error is thrown at the end. */
function eraseTrees(paths: string[]): void {
  const failures: unknown[] = [];
  for (const path of paths) {
    if (Atomics.load(stop, 0) === 1) throw new LayerhookError('ABORTED', { what: `removing ${path}` });
    try {
      eraseTree(path);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
