import fc from '../helpers/properties.js';

/** Texts and bytes at which parsers break. */
const tokens = [
  '\0',
  '\n',
  '\\',
  '"',
  '\xff\xfe',
  '{',
  '}',
  '[',
  ']',
  '[['.repeat(50),
  'null',
  '-1',
  '1e400',
  '99999999999999999999',
  '0x7fffffffffffffff',
  '../',
  '/',
  '__proto__',
  'constructor',
  '\\u0000',
  '\\400',
  '=',
  ':',
  ',',
  '#',
  "'''",
  'a'.repeat(300),
].map((text) => Buffer.from(text, 'latin1'));

/** One change of an input. `at` and `length` are taken modulo the size of the input. */
type Blow = (input: Buffer) => Buffer;

const position = fc.nat({ max: 1 << 20 });
const length = fc.integer({ min: 1, max: 64 });

const blow: fc.Arbitrary<Blow> = fc.oneof(
  fc.tuple(position, fc.nat({ max: 255 })).map(
    ([at, value]): Blow =>
      (input) => {
        const changed = Buffer.from(input);
        if (changed.length > 0) changed[at % changed.length] = value;
        return changed;
      },
  ),
  fc.tuple(position, fc.constantFrom(...tokens)).map(
    ([at, token]): Blow =>
      (input) =>
        spliced(input, at, 0, token),
  ),
  fc.tuple(position, length).map(
    ([at, count]): Blow =>
      (input) =>
        spliced(input, at, count, Buffer.alloc(0)),
  ),
  fc.tuple(position, length, position).map(
    ([from, count, to]): Blow =>
      (input) => {
        const start = from % (input.length + 1);
        return spliced(input, to, 0, input.subarray(start, start + count));
      },
  ),
  position.map(
    (at): Blow =>
      (input) =>
        input.subarray(0, at % (input.length + 1)),
  ),
);

/** Any of the seeds, changed in a few places; sometimes random bytes. */
export function mutated(seeds: readonly (Buffer | string)[]): fc.Arbitrary<Buffer> {
  const inputs = seeds.map((seed) => Buffer.from(seed as string, 'latin1'));
  const changed = fc
    .tuple(fc.constantFrom(...inputs), fc.array(blow, { minLength: 1, maxLength: 6 }))
    .map(([input, blows]) => blows.reduce<Buffer>((bytes, hit) => hit(bytes), input!));
  const random = fc.uint8Array({ maxLength: 600 }).map((bytes): Buffer => Buffer.from(bytes));
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: random });
}

function spliced(input: Buffer, at: number, remove: number, insert: Buffer): Buffer {
  const start = at % (input.length + 1);
  return Buffer.concat([input.subarray(0, start), insert, input.subarray(start + remove)]);
}
