/** One thing to measure: it is made ready (not timed), run (timed), and cleared away (not timed). Promises are awaited. */
export interface Subject {
  name: string;
  prepare?: () => unknown;
  run: () => unknown;
  clear?: () => unknown;
}

/** Measurements of two subjects that ran in turn, by round: seconds, or bytes. */
export interface Pair {
  task: string;
  ours: Series;
  peer: Series;
  /** what the median ratio must not exceed, if there is a target */
  target?: number;
}

export interface Series {
  name: string;
  values: number[];
}

/**
 * Times two subjects in pairs, A B A B, so that what else the machine does falls on both alike.
 * One round before the first is not counted.
 */
export async function timePairs(
  task: string,
  ours: Subject,
  peer: Subject,
  { rounds, ...target }: { rounds: number; target?: number },
): Promise<Pair> {
  const pair: Pair = {
    task,
    ours: { name: ours.name, values: [] },
    peer: { name: peer.name, values: [] },
    ...target,
  };
  const turns = [
    [ours, pair.ours],
    [peer, pair.peer],
  ] as const;
  for (let round = 0; round <= rounds; round++) {
    for (const [subject, series] of turns) {
      const seconds = await time(subject);
      if (round > 0) series.values.push(seconds);
    }
  }
  return pair;
}

/** The median; for an even count, the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Ours divided by the peer's, round by round. */
export function ratios({ ours, peer }: Pair): number[] {
  return ours.values.map((value, round) => value / peer.values[round]!);
}

async function time(subject: Subject): Promise<number> {
  await subject.prepare?.();
  const start = process.hrtime.bigint();
  await subject.run();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await subject.clear?.();
  return seconds;
}
