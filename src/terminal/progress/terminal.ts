import type { ProgressEvent } from '../../engine/progress.js';
import { painter } from '../paint.js';
import type { Screen } from '../screen.js';
import { renderProgress } from './render.js';
import { newState, update } from './state.js';

/** Shortest time between two redraws of the terminal, in ms. Work that is shorter shows nothing. */
const interval = 100;

/** Shows progress events at the bottom of a terminal. */
export function terminalProgress(screen: Screen, color: boolean, columns: () => number) {
  const state = newState(performance.now());
  let timer: NodeJS.Timeout | undefined;
  let drawn: number | undefined;
  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    drawn = performance.now();
    // a terminal of unknown width has 0 columns
    screen.stay(renderProgress(state, columns() || 80, painter(color), drawn));
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
