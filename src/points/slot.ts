import type { BaseContext } from './points.js';

interface State {
  value: unknown;
  end(): void | Promise<void>;
}

/** The state of one operation, by slot. All contexts of the operation share it. */
export type SlotStorage = Map<object, State>;

/** Global, so that a driver that imports another copy of layerhook finds the storage of the engine that calls it. */
const storage = Symbol.for('layerhook.slots');

/** Returns a copy of a context with the storage in it. */
export function withSlots<C extends object>(context: C, slots: SlotStorage): C {
  return { ...context, [storage]: slots };
}

/** Ends all state, in the order in which it was made. */
export async function endSlots(slots: SlotStorage): Promise<void> {
  for (const [slot, { end }] of slots) {
    slots.delete(slot);
    await end();
  }
}

/**
 * State that a driver or a hook keeps from one lifecycle point to the next within one operation:
 * `const slot = new Slot(() => new State())`, then `slot.of(context)` in each hook.
 */
export class Slot<T, C extends BaseContext = BaseContext> {
  readonly #make: (context: C) => T;
  readonly #end: (state: T) => void | Promise<void>;

  /**
   * @param make makes the state from the context of the first hook that asks for it
   * @param end frees what the state holds; called when the operation is over
   */
  constructor(make: (context: C) => T, end: (state: T) => void | Promise<void> = () => {}) {
    this.#make = make;
    this.#end = end;
  }

  /** Returns the state of the operation, and makes it at the first call. @throws TypeError outside of an operation */
  of(context: C): T {
    const slots = slotsOf(context);
    if (slots === undefined) throw new TypeError('the context of a hook was expected: it carries the slots');
    if (!slots.has(this)) {
      const value = this.#make(context);
      slots.set(this, { value, end: () => this.#end(value) });
    }
    return slots.get(this)!.value as T;
  }

  /** Returns the state of the operation, or undefined before the first call of `of`. */
  find(context: BaseContext): T | undefined {
    return slotsOf(context)?.get(this)?.value as T | undefined;
  }
}

function slotsOf(context: BaseContext): SlotStorage | undefined {
  return (context as { [storage]?: SlotStorage })[storage];
}
