import { parentPort } from 'node:worker_threads';
import { transferError } from '../../errors/transfer.js';
import { RingReader } from '../stream/index.js';
import { TarReader } from '../tar/index.js';
import { applyLayer } from './applier.js';
import { writeTreeManifest } from './manifest.js';
import type { ApplyMessage, ApplyReply, ApplyRequest } from './messages.js';
import { Tree } from './tree.js';

/** Thread of an ApplyThread: applies layers with blocking calls. */
const port = parentPort!;
const trees = new Map<string, Tree>();

port.on('message', (request: ApplyRequest) => {
  const { id } = request;
  try {
    post({ id, reply: serve(request) });
  } catch (error) {
    post({ id, error: transferError(error) });
  }
});

post({ loaded: true });

function serve(request: ApplyRequest): ApplyReply | null {
  if (request.type === 'apply') return apply(request);
  const tree = trees.get(request.track);
  if (!tree) throw new Error(`no layer was applied to ${request.track}`);
  writeTreeManifest(request, tree);
  if (request.changed) trees.delete(request.track);
  return null;
}

function apply(request: Extract<ApplyRequest, { type: 'apply' }>): ApplyReply {
  const { ring, digest, target, options, digests } = request;
  const source = new RingReader(ring);
  const entriesDone = new Int32Array(request.entries);
  try {
    const { entries, unsettled } = applyLayer(new TarReader(source, { digest }), target, treeOf(request), {
      ...options,
      digest,
      digests,
      warn: (warning) => post({ warning }),
      onEntry: (count) => Atomics.store(entriesDone, 0, count),
    });
    return { entries, unsettled };
  } finally {
    source.close();
  }
}

/** What earlier layers put there matters for a manifest only. */
function treeOf({ track, digests }: Extract<ApplyRequest, { type: 'apply' }>): Tree {
  const tree = (track !== null && trees.get(track)) || new Tree();
  if (track !== null && digests) trees.set(track, tree);
  return tree;
}

function post(message: ApplyMessage): void {
  port.postMessage(message);
}
