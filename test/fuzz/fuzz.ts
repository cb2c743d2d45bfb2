import fc from '../helpers/properties.js';
import { type Target, targets } from './targets.js';

/** Milliseconds of CPU time that one case may take. */
const slow = 2000;
/** Bytes by which memory may grow during one target. */
const growth = 300 * 2 ** 20;

export interface Figures {
  target: string;
  cases: number;
  /** cases that the reader accepted */
  accepted: number;
  /** CPU time of the slowest case, ms */
  slowest: number;
  /** growth of resident memory, bytes */
  memory: number;
}

export interface FuzzOptions {
  /** default: a short run */
  seconds?: number | undefined;
  seed?: number | undefined;
}

/**
 * Tries inputs on a target.
 *
 * @throws Error with the input, in base64, that makes the reader hang, fail without a typed error, or disagree with a peer
 */
export async function fuzz(name: string, { seconds, seed }: FuzzOptions = {}): Promise<Figures> {
  const target = targets[name]!();
  const before = process.memoryUsage.rss();
  const figures: Figures = { target: name, cases: 0, accepted: 0, slowest: 0, memory: 0 };
  const property = fc.asyncProperty(target.inputs, (input) => tryInput(target, input, figures));
  const until =
    seconds === undefined ? {} : { interruptAfterTimeLimit: 1000 * seconds, markInterruptAsFailure: false };
  try {
    const numRuns = seconds === undefined ? (target.few ?? 300) : 2 ** 31 - 1;
    await fc.assert(property, { numRuns, ...until, ...(seed !== undefined && { seed }) });
  } finally {
    await target.close?.();
  }
  figures.memory = Math.max(0, process.memoryUsage.rss() - before);
  if (figures.memory > growth) throw new Error(`${name}: memory grew by ${figures.memory} bytes`);
  return figures;
}

async function tryInput(target: Target, input: Buffer, figures: Figures): Promise<void> {
  const start = process.cpuUsage();
  try {
    if (await target.run(input)) figures.accepted++;
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`${figures.target}: ${message}\ninput: ${input.toString('base64')}`, { cause: error });
  }
  const { user, system } = process.cpuUsage(start);
  const took = (user + system) / 1000;
  figures.cases++;
  figures.slowest = Math.max(figures.slowest, took);
  if (took > slow) throw new Error(`${figures.target}: ${took} ms\ninput: ${input.toString('base64')}`);
}
