import { counted } from '../errors/counted.js';
import { BadResult } from './check-result.js';
import type { HookState } from './points.js';

/** Most bytes of JSON that one hook may keep with a bundle. */
const maxBytes = 64 * 1024;

/** The states of one bundle, by hook. */
export class HookStates {
  readonly #states: Map<string, HookState>;
  readonly #before: string;

  /** @param kept as {@link HookStates.toJSON} gave it */
  constructor(kept: Readonly<Record<string, HookState>> = {}) {
    this.#states = new Map(Object.entries(structuredClone(kept)));
    this.#before = JSON.stringify(this);
  }

  /** True if a hook has changed its state. */
  get isChanged(): boolean {
    return JSON.stringify(this) !== this.#before;
  }

  /** Returns the state of a hook, which the hook may change. */
  of(hook: string): HookState {
    const state = this.#states.get(hook) ?? {};
    this.#states.set(hook, state);
    return state;
  }

  /**
   * Checks the state of a hook, and forgets a state that cannot be kept.
   *
   * @throws BadResult if the state is too large, or JSON cannot hold it
   */
  check(hook: string): void {
    const state = this.#states.get(hook) ?? {};
    try {
      const bytes = Buffer.byteLength(JSON.stringify(state));
      if (bytes <= maxBytes) return;
      throw new BadResult(`state: ${counted(bytes, 'bytes')} of JSON, at most ${maxBytes} are kept`);
    } catch (error) {
      this.#states.delete(hook);
      if (error instanceof BadResult) throw error;
      throw new BadResult(`state: JSON cannot hold it: ${(error as Error).message}`);
    }
  }

  /** Returns the states that have a value. */
  toJSON(): Record<string, HookState> {
    return Object.fromEntries([...this.#states].filter(([, state]) => Object.keys(state).length > 0));
  }
}
