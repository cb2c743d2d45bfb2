/** POSIX cksum(1): CRC-32 with the polynomial 0x04c11db7, over the data and its length. */
export class Cksum {
  #crc = 0;
  #length = 0;

  update(bytes: Uint8Array): this {
    this.#crc = crc(this.#crc, bytes);
    this.#length += bytes.length;
    return this;
  }

  /** Returns the checksum as a decimal number. */
  digest(): string {
    const lengthBytes: number[] = [];
    for (let rest = this.#length; rest > 0; rest = Math.floor(rest / 256)) lengthBytes.push(rest % 256);
    return String(~crc(this.#crc, Uint8Array.from(lengthBytes)) >>> 0);
  }
}

function crc(start: number, bytes: Uint8Array): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i++) sum = (sum << 8) ^ table[(sum >>> 24) ^ bytes[i]!]!;
  return sum;
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1;
  return sum;
});
