/**
 * A Date that knows what it rounds off: containerd compares the times of snapshots with its own, which are in nanoseconds.
 */
export class PreciseDate extends Date {
  /** ms since the epoch, with microseconds behind the point */
  readonly precise: number;

  constructor(precise: number) {
    super(precise);
    this.precise = precise;
  }
}

/** ms since the epoch, as precisely as a Date knows it. */
export function preciseTime(date: Date): number {
  return date instanceof PreciseDate ? date.precise : date.getTime();
}
