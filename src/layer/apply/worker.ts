import { parentPort } from 'node:worker_threads';
import { transferError } from '../../errors/transfer.js';
import { RingReader, readWholeLayer } from '../stream/index.js';
import { TarReader } from '../tar/index.js';
import type { ByteSource, LayerSource, Usage } from '../types.js';
import { applyLayer } from './applier.js';
import { writeTreeManifest } from './manifest.js';
import type { ApplyMessage, ApplyReply, ApplyRequest, LayerRequest } from './messages.js';
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

function serve(request: ApplyRequest): ApplyReply | Usage | null {
  if (request.type === 'apply') return readAndApply(request);
  const tree = trees.get(request.track);
  if (!tree) throw new Error(`no layer was applied to ${request.track}`);
  const usage = writeTreeManifest(request, tree);
  if (request.changed) trees.delete(request.track);
  return usage;
}

function readAndApply(request: LayerRequest): ApplyReply | null {
  const { from } = request;
  if (!(from instanceof SharedArrayBuffer)) return applyWhole(request, from);
  const ring = new RingReader(from);
  try {
    return apply(request, ring);
  } finally {
    ring.close();
  }
}

function applyWhole(request: LayerRequest, source: LayerSource): ApplyReply | null {
  let tar = readWholeLayer(source);
  if (tar === null) return null;
  const read = () => {
    const piece = tar;
    tar = null;
    return piece;
  };
  return apply(request, { read });
}

function apply(request: LayerRequest, source: ByteSource): ApplyReply {
  const { digest, target, options, digests } = request;
  const entriesDone = new Int32Array(request.entries);
  return applyLayer(new TarReader(source, { digest }), target, treeOf(request), {
    ...options,
    digest,
    digests,
    warn: (warning) => post({ warning }),
    onEntry: (count) => Atomics.store(entriesDone, 0, count),
  });
}

/** What earlier layers put there matters for a manifest only. */
function treeOf({ track, digests }: LayerRequest): Tree {
  const tree = (track !== null && trees.get(track)) || new Tree();
  if (track !== null && digests) trees.set(track, tree);
  return tree;
}

function post(message: ApplyMessage): void {
  port.postMessage(message);
}
