import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than any of these waits takes on a slow machine; shorter than a test may last. */
const mostSeconds = 120;

/**
 * Waits until a condition holds, for what gives no event.
 *
 * @param what the condition in words, for the error
 * @param pause milliseconds between two looks
 * @throws Error if the condition does not hold after two minutes; what `holds` throws
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  pause = 10,
): Promise<void> {
  const end = performance.now() + mostSeconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not so after ${mostSeconds} s: ${what}`);
    await sleep(pause);
  }
}
