/** One scenario on its disk: the states before and after its command, and how a state compares with them. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Disk, type FileSystem } from './disk.js';
import { fingerprint } from './fingerprint.js';
import { difference, inventory, traces, type View } from './look.js';
import { type Command, Fault, lh, type Place, placeAt, runIn, shown, succeedIn } from './place.js';
import type { Scenario } from './scenario.js';

/** A state: what commands show, and what is on the disk after a garbage collection. */
interface State {
  view: View;
  inventory: Record<string, number>;
}

/** How far a command came: `between`: some parts of the state are old, others new. */
export type Reached = 'old' | 'new' | 'between';

export class Stage implements Disposable {
  readonly place: Place;
  readonly disk: Disk;
  readonly scenario: Scenario;
  readonly command: Command;
  readonly #states: Record<'old' | 'new', State>;
  readonly #inspected = new Map<string, Reached | 'refused'>();
  #begun = '';

  constructor(scenario: Scenario, dir: string, type: FileSystem = scenario.fileSystem ?? 'ext4') {
    this.scenario = scenario;
    mkdirSync(dir, { recursive: true });
    this.disk = new Disk(dir, type);
    this.place = placeAt(join(dir, 'm'));
    this.command = scenario.command(this.place);
    try {
      this.#states = this.#prepare();
    } catch (error) {
      this.disk.remove();
      throw error;
    }
  }

  #prepare(): Record<'old' | 'new', State> {
    this.scenario.prepare(this.place);
    this.disk.save();
    this.begin();
    const old = this.#state();
    this.disk.unmount();
    this.begin();
    succeedIn(this.place, this.command);
    const done = this.#state();
    this.disk.unmount();
    return { old, new: done };
  }

  /** Brings back the state before the command. */
  begin(): void {
    this.disk.restore();
    this.scenario.begin?.(this.place);
    this.#begun = traces(this.place);
  }

  /** True if no file and no mount has changed since {@link begin}: what was tried once of that state holds. */
  isUntouched(): boolean {
    return traces(this.place) === this.#begun;
  }

  /**
   * Returns what an inspection finds of the present state, or found of the same state before. The attributes of a btrfs
   * subvolume are not part of the {@link fingerprint}, so that each state on a btrfs is inspected.
   */
  inspected<T extends Reached | 'refused'>(inspect: () => T): T {
    if (this.scenario.fileSystem === 'btrfs') return inspect();
    const state = fingerprint(this.place);
    const reached = (this.#inspected.get(state) as T | undefined) ?? inspect();
    this.#inspected.set(state, reached);
    return reached;
  }

  /** Returns what commands show now. @throws Fault if something that looks whole is not */
  view(): View {
    const { looks } = this.scenario;
    return Object.assign({}, ...looks.map((look) => look(this.place))) as View;
  }

  /** Compares what commands show now with the states before and after. @throws Fault for any third state */
  reached(): Reached {
    const view = this.view();
    const { old, new: done } = this.#states;
    const names = Object.keys({ ...view, ...old.view, ...done.view });
    for (const name of names)
      if (view[name] !== old.view[name] && view[name] !== done.view[name])
        throw new Fault(`${name} is ${view[name]}, neither ${old.view[name]} nor ${done.view[name]}`);
    if (names.every((name) => view[name] === done.view[name])) return 'new';
    return names.every((name) => view[name] === old.view[name]) ? 'old' : 'between';
  }

  /** Collects garbage, and requires that nothing is left beside the state, but for what the repeated command removes. */
  collect(reached: Reached, leaves?: RegExp): void {
    succeedIn(this.place, ...this.scenario.gc(this.place));
    if (reached === 'between') return;
    const left = difference(inventory(this.place), this.#states[reached].inventory, leaves);
    if (left !== '') throw new Fault(`left after a garbage collection (${reached}): ${left}`);
  }

  /** True if the state before the command had this part. */
  wasThere = (part: string): boolean => this.#states.old.view[part] !== undefined;

  /**
   * Runs the command again: it must bring the new state, and leave nothing else.
   *
   * @param leaves files that a command may leave that finds its work done
   */
  repeat(leaves?: RegExp): void {
    const isDone = this.again();
    this.collect('new', isDone ? leaves : undefined);
  }

  /** Runs the command again: it must bring the new state. @returns true if it finds its work done */
  again(): boolean {
    const { status, signal, stderr, stdout } = runIn(this.place, this.command);
    const isDone = status !== null && this.scenario.done?.test(stderr + stdout) === true;
    if (status !== 0 && !isDone)
      throw new Fault(`${shown(this.command)}, repeated, ended with ${signal ?? status}: ${stderr}${stdout}`);
    const reached = this.reached();
    if (reached !== 'new') throw new Fault(`repeated, it reached ${reached}: ${JSON.stringify(this.view())}`);
    // all layers of the store are whole
    if (existsSync(join(this.place.store, 'metadata'))) succeedIn(this.place, lh('store', 'verify'));
    return isDone;
  }

  [Symbol.dispose](): void {
    this.disk.remove();
  }

  #state(): State {
    const view = this.view();
    succeedIn(this.place, ...this.scenario.gc(this.place));
    return { view, inventory: inventory(this.place) };
  }
}
