import type { ProgressEvent } from '../../engine/progress.js';
import { painter } from '../paint.js';
import type { Screen } from '../screen.js';
import { renderProgress } from './render.js';
import { newState, update } from './state.js';

/** Shortest time between two redraws of the terminal, in ms. Work that is shorter shows nothing. */
const interval = 100;

/** Width of a terminal that does not tell its width, or tells 0. */
const usualColumns = 80;

/**
 * Shows progress events at the bottom of a terminal.
 *
 * @param terminal the stream of the screen, such as process.stderr; its width is read for each drawing, since it may change
 */
export function terminalProgress(
  screen: Screen,
  terminal: { readonly columns?: number | undefined },
  color: boolean,
) {
  const state = newState(performance.now());
  let timer: NodeJS.Timeout | undefined;
  let drawn: number | undefined;
  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    drawn = performance.now();
    screen.stay(renderProgress(state, terminal.columns || usualColumns, painter(color), drawn));
  };
  return {
    onProgress(event: ProgressEvent): void {
      const now = performance.now();
      drawn ??= now;
      update(state, event, now);
      const wait = drawn + interval - now;
      // synchronous work gives no timer a turn
      if (wait <= 0) draw();
      else timer ??= setTimeout(draw, wait).unref();
    },
    /** Removes the bars and stops drawing. */
    stop(): void {
      clearTimeout(timer);
      screen.stay([]);
    },
  };
}
