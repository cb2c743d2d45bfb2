import type { ProgressEvent } from '../engine/log.js';
import type { Screen } from './screen.js';

export function createProgress(screen: Screen, _color: boolean) {
  return {
    onProgress(_event: ProgressEvent) {},
    stop() {
      screen.stay([]);
    },
  };
}
