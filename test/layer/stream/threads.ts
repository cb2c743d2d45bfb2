import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { transferError } from '../../../src/errors/transfer.js';
import { hashRing, RingReader, RingWriter } from '../../../src/layer/stream/index.js';

/** What a thread of a test does with its end of a ring. */
export type Job =
  | { do: 'read'; ring: SharedArrayBuffer; pauseMs?: number; pieces?: number; close?: boolean }
  | { do: 'hash'; ring: SharedArrayBuffer; pauseMs?: number }
  | { do: 'write'; ring: SharedArrayBuffer; bytes: number; piece: number; end: 'end' | 'fail' | 'never' };

export interface Report {
  bytes: number;
  /** of what was read; from a writer, what the hasher says */
  sha256: string;
  /** what the reader met, as its code or message; 'end' if it was the end; 'stopped' if it closed before */
  ended: string;
}

/** Starts a thread that does the job; its report comes when it is done. */
export function startThread(job: Job): { worker: Worker; report: Promise<Report> } {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  const report = new Promise<Report>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread ended without a report')));
  });
  report.catch(() => {});
  return { worker, report };
}

/** The bytes that the writing thread writes. */
export function pattern(bytes: number): Buffer {
  const all = Buffer.allocUnsafe(bytes);
  for (let i = 0; i < bytes; i++) all[i] = (i * 31 + (i >>> 10)) & 0xff;
  return all;
}

async function read(job: Job & { do: 'read' }): Promise<Report> {
  const reader = new RingReader(job.ring);
  const hash = createHash('sha256');
  let bytes = 0;
  let ended = 'stopped';
  try {
    for (let n = 0; job.pieces === undefined || n < job.pieces; n++) {
      const piece = reader.read();
      if (piece === null) {
        ended = 'end';
        break;
      }
      if (job.pauseMs) await sleep(job.pauseMs);
      hash.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    const transferred = transferError(error);
    ended = 'code' in transferred ? transferred.code : transferred.message;
  }
  if (job.close) reader.close();
  return { bytes, sha256: hash.digest('hex'), ended };
}

function write(job: Job & { do: 'write' }): Report {
  const writer = new RingWriter(job.ring);
  const all = pattern(job.bytes);
  let bytes = 0;
  let wanted = true;
  for (; bytes < all.length && wanted; bytes += job.piece)
    wanted = writer.write(all.subarray(bytes, bytes + job.piece));
  const digest = job.end === 'end' && writer.hasHasher ? writer.digest(32) : undefined;
  if (job.end === 'end') writer.end();
  if (job.end === 'fail') writer.fail(new Error('the writer gave up'));
  const sha256 = digest?.toString('hex') ?? '';
  return { bytes: Math.min(bytes, all.length), sha256, ended: wanted ? 'end' : 'stopped' };
}

function hash({ ring, pauseMs }: Job & { do: 'hash' }): Report {
  let bytes = 0;
  hashRing(ring, (source) => {
    const digest = createHash('sha256');
    for (let piece = source.read(); piece !== null; piece = source.read()) {
      if (pauseMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
      digest.update(piece);
      bytes += piece.length;
    }
    return digest.digest();
  });
  return { bytes, sha256: '', ended: 'end' };
}

const work = (job: Job): Report | Promise<Report> =>
  job.do === 'read' ? read(job) : job.do === 'hash' ? hash(job) : write(job);

if (!isMainThread && (workerData as Job | null)?.do) {
  const job = workerData as Job;
  parentPort!.postMessage(await work(job));
}
