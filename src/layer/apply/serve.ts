import { span } from '../../system/trace.js';
import { layerBudget } from '../../tar/budget.js';
import { mayHaveSparseFiles, TarReader } from '../../tar/index.js';
import { type DirectLayer, DirectSource, RingReader, readWholeLayer, reusedMemory } from '../stream/index.js';
import type { ByteSource, LayerSource, Usage } from '../types.js';
import { applyLayer } from './applier.js';
import { writeTreeManifest } from './manifest.js';
import type { ApplyReply, ApplyRequest, LayerRequest, StreamRequest } from './messages.js';
import { streamLayer } from './stream.js';
import { Tree } from './tree.js';

/** Applies layers with blocking calls, and keeps the trees of their targets between requests. */
export class LayerServer {
  readonly #trees = new Map<string, Tree>();
  readonly #memory = reusedMemory();
  readonly #warn: (warning: string) => void;
  readonly #hasOwnThread: boolean;

  /** @param hasOwnThread false: runs inline and blocks the whole program, so it refuses work that may take long */
  constructor(warn: (warning: string) => void, { hasOwnThread }: { hasOwnThread: boolean }) {
    this.#warn = warn;
    this.#hasOwnThread = hasOwnThread;
  }

  /** @throws LayerhookError as LayerUnpacker's `apply` */
  serve(request: ApplyRequest): ApplyReply | Usage | null {
    const done = span(request.type, request.type === 'manifest' ? request.target : request.digest);
    try {
      return this.#serve(request);
    } finally {
      done();
    }
  }

  #serve(request: ApplyRequest): ApplyReply | Usage | null {
    if (request.type !== 'manifest') return this.#readLayer(request);
    const tree = this.#trees.get(request.track);
    if (!tree) throw new Error(`no layer was applied to ${request.track}`);
    const usage = writeTreeManifest(request, tree);
    if (request.ends) this.#trees.delete(request.track);
    return usage;
  }

  #readLayer(request: LayerRequest | StreamRequest): ApplyReply | null {
    const { from } = request;
    if ('control' in from) return this.#readDirectly(request, from);
    if (!(from instanceof SharedArrayBuffer)) return this.#readWhole(request, from);
    const ring = new RingReader(from);
    try {
      return this.#use(request, ring);
    } finally {
      ring.close();
    }
  }

  #readDirectly(request: LayerRequest | StreamRequest, layer: DirectLayer): ApplyReply | null {
    const direct = DirectSource.open(layer);
    if (direct === null) return null;
    try {
      const reply = this.#use(request, direct);
      return { ...reply, read: direct.summary };
    } finally {
      direct.close();
    }
  }

  #readWhole(request: LayerRequest | StreamRequest, source: LayerSource): ApplyReply | null {
    const inflate = span('read and inflate', source.digest);
    let tar = readWholeLayer(source, this.#memory);
    inflate();
    if (tar === null) return null;
    // hashing holes or copying files of lower layers may take long, and this thread must react to signals
    const mayBeLong = request.type === 'apply' && (request.options.lowerdirs || mayHaveSparseFiles(tar));
    if (!this.#hasOwnThread && mayBeLong) return null;
    const read = () => {
      const piece = tar;
      tar = null;
      return piece;
    };
    return this.#use(request, { read });
  }

  #use(request: LayerRequest | StreamRequest, source: ByteSource): ApplyReply {
    return request.type === 'apply' ? this.#apply(request, source) : streamLayer(source, request);
  }

  #apply(request: LayerRequest, source: ByteSource): ApplyReply {
    const { digest, target, options, digests, holes, budget = layerBudget() } = request;
    const entriesDone = new Int32Array(request.entries);
    return applyLayer(new TarReader(source, { digest, budget }), target, this.#treeOf(request), {
      ...options,
      digest,
      digests,
      holes,
      budget,
      warn: this.#warn,
      onEntry: (count) => Atomics.store(entriesDone, 0, count),
    });
  }

  /** Returns the tree of the track, or a new one. What earlier layers made matters for mtree manifests only. */
  #treeOf({ track, digests, options }: LayerRequest): Tree {
    // the target of a layer with known lowerdirs is empty: what an earlier extraction put there is gone
    const tree = (track !== null && !options.lowerdirs && this.#trees.get(track)) || new Tree();
    if (track !== null && digests) this.#trees.set(track, tree);
    return tree;
  }
}
