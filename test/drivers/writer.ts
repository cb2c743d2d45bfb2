import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import fc from '../helpers/properties.js';

/** An action of writer.py with its arguments. */
export type Action = [name: string, ...args: (string | number | boolean)[]];

/** Files that the actions are about; `new` is in no layer. */
export const files = ['a', 'b', 'd/c', 'd/e', 'new'];

const file = fc.constantFrom(...files);
const offset = fc.constantFrom(0, 1, 4095, 70_000);
const data = fc.constantFrom('x', 'row', 'y'.repeat(5000));
const size = fc.constantFrom(1, 4096, 100_000);
const small = fc.nat(3);

const shapes: Record<string, fc.Arbitrary<string | number | boolean>[]> = {
  write: [file, offset, data],
  'write held': [file, offset, data],
  'write and set back': [file, offset, data],
  map: [file, offset, data, fc.boolean()],
  append: [file, data],
  truncate: [file, size],
  preallocate: [file, size],
  grow: [file, size],
  punch: [file, offset, size],
  zero: [file, offset, size],
  clone: [file, file],
  'copy range': [file, file, size],
  unnamed: [file, data],
  replace: [file, data],
  rename: [file, file],
  exchange: [file, file],
  link: [file, file],
  remove: [file],
  chmod: [file, fc.constantFrom(0o600, 0o644, 0o4755)],
  chown: [file, small],
  chattr: [file],
  xattr: [file, fc.constantFrom('1', '2')],
  acl: [file, small],
  // the last one is in the future, as after the clock was set back
  time: [file, fc.constantFrom(1_000_000_000, 1_000_000_001, 4_000_000_000)],
  sync: [file],
};

/** All names of actions but `release`. */
export const actionNames = Object.keys(shapes);

/** Any action; changes of content come more often. */
export const action = fc.oneof(
  ...actionNames.map((name) => ({
    weight: /^(write|map)/.test(name) ? 4 : 1,
    arbitrary: fc.tuple(fc.constant(name), ...shapes[name]!) as unknown as fc.Arbitrary<Action>,
  })),
);

/** What the writer may say of an action that cannot be done to a file, or not on this filesystem. */
const expected = new Set(['done', 'ENOENT', 'EEXIST', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOTTY', 'EXDEV']);

/** A process that changes files below a directory as a container does, and keeps them open. */
export class Writer {
  readonly #child;
  readonly #answers: AsyncIterator<string>;
  readonly #done: Set<string>;

  /** @param done where names of actions go that were done */
  constructor(root: string, done: Set<string>) {
    this.#child = spawn('python3', ['test/drivers/writer.py', root], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#done = done;
  }

  /** Does actions one after the other. */
  async do(actions: Action[]): Promise<void> {
    for (const one of actions) {
      this.#child.stdin.write(`${JSON.stringify(one)}\n`);
      const { value } = await this.#answers.next();
      if (!expected.has(value)) throw new Error(`the writer says ${value} to ${JSON.stringify(one)}`);
      if (value === 'done') this.#done.add(one[0]);
    }
  }

  /** Closes all descriptors and mappings. */
  async release(): Promise<void> {
    await this.do([['release']]);
  }

  /** Ends the process. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
