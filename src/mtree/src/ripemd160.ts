/** RIPEMD-160 (Dobbertin, Bosselaers, Preneel 1996), for builds of OpenSSL without it. */
export class Ripemd160 {
  readonly #state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  readonly #block = new Uint8Array(64);
  #length = 0;

  update(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length; ) {
      const used = this.#length % 64;
      const part = bytes.subarray(at, at + 64 - used);
      this.#block.set(part, used);
      this.#length += part.length;
      at += part.length;
      if (this.#length % 64 === 0) compress(this.#state, this.#block);
    }
    return this;
  }

  /** Returns the digest in hex. */
  digest(): string {
    const length = this.#length;
    const padding = Buffer.alloc(((119 - (length % 64)) % 64) + 1);
    padding[0] = 0x80;
    const bits = Buffer.alloc(8);
    bits.writeBigUInt64LE(BigInt(length) * 8n);
    this.update(padding).update(bits);
    const out = Buffer.alloc(20);
    this.#state.forEach((word, i) => {
      out.writeUInt32LE(word, i * 4);
    });
    return out.toString('hex');
  }
}

/** Processes one block through both lines of five rounds. */
function compress(state: Uint32Array, block: Uint8Array): void {
  const view = new DataView(block.buffer, block.byteOffset, 64);
  const words = Array.from({ length: 16 }, (_, i) => view.getUint32(i * 4, true));
  const [a, b, c, d, e] = line(state, words, left);
  const [f, g, h, i, j] = line(state, words, right);
  const [s0, s1, s2, s3, s4] = state as unknown as Line;
  state.set([s1 + c + i, s2 + d + j, s3 + e + f, s4 + a + g, s0 + b + h]);
}

type Line = [number, number, number, number, number];

interface Side {
  /** index of the message word of each step */
  order: readonly number[];
  shifts: readonly number[];
  /** added constant of each round */
  constants: readonly number[];
  /** Boolean function of each round */
  functions: readonly ((x: number, y: number, z: number) => number)[];
}

function line(state: Uint32Array, words: readonly number[], side: Side): Line {
  let [a, b, c, d, e] = state as unknown as Line;
  for (let step = 0; step < 80; step++) {
    const round = step >> 4;
    const mixed = a + side.functions[round]!(b, c, d) + words[side.order[step]!]! + side.constants[round]!;
    const next = (rotate(mixed | 0, side.shifts[step]!) + e) | 0;
    [a, b, c, d, e] = [e, next, b, rotate(c, 10), d];
  }
  return [a, b, c, d, e];
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

const functions: Side['functions'] = [
  (x, y, z) => x ^ y ^ z,
  (x, y, z) => (x & y) | (~x & z),
  (x, y, z) => (x | ~y) ^ z,
  (x, y, z) => (x & z) | (y & ~z),
  (x, y, z) => x ^ (y | ~z),
];

/** Parses one hex digit for each step. */
function digits(...rounds: string[]): number[] {
  return [...rounds.join('')].map((digit) => Number.parseInt(digit, 16));
}

const left: Side = {
  order: digits(
    '0123456789abcdef',
    '74d1a6f3c0952eb8',
    '3ae49f812706db5c',
    '19ba08c4d37fe562',
    '40597c2ae138b6fd',
  ),
  shifts: digits(
    'befc5879bdef6798',
    '768db97f7cf9b7dc',
    'bd67e9dfe8d65c75',
    'bcefef989e56865c',
    '9f5b68dc5cdeb856',
  ),
  constants: [0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e],
  functions,
};

const right: Side = {
  order: digits(
    '5e7092b4d6f81a3c',
    '6b370d5aef8c4912',
    'f5137e69b8c2a04d',
    '86413bf05c2d97ae',
    'cfa4158762de039b',
  ),
  shifts: digits(
    '899bdff5778beec6',
    '9df7c89b77c76fdb',
    '97fb866ecd5edd75',
    'f58bee6e69c9c5f8',
    '85c9c5e68d65fdbb',
  ),
  constants: [0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0],
  functions: functions.toReversed(),
};
