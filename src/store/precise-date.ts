/**
 * A Date that keeps the precision that Date drops: containerd compares the times of snapshots with its own, which are in
 * nanoseconds.
 */
export class PreciseDate extends Date {
  /** ms since the epoch, with microseconds as the fraction */
  readonly precise: number;

  constructor(precise: number) {
    super(precise);
    this.precise = precise;
  }
}

/** Returns ms since the epoch, as precisely as the Date holds it. */
export function preciseTime(date: Date): number {
  return date instanceof PreciseDate ? date.precise : date.getTime();
}
