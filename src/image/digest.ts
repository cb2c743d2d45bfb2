import { createHash, type Hash } from 'node:crypto';
import { LayerhookError } from '../errors/index.js';
import type { Digest } from './types.js';

export type DigestAlgorithm = 'sha256' | 'sha512';

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };

/**
 * Takes a digest apart; image-spec descriptor.md, "Digests".
 *
 * @throws LayerhookError DIGEST_INVALID, also for algorithms other than sha256 and sha512
 */
export function parseDigest(value: unknown): { algorithm: DigestAlgorithm; hex: string } {
  const match = typeof value === 'string' ? /^(sha256|sha512):([0-9a-f]+)$/.exec(value) : null;
  const algorithm = match?.[1] as DigestAlgorithm | undefined;
  if (!match || !algorithm || match[2]!.length !== HEX_LENGTH[algorithm]) {
    throw new LayerhookError('DIGEST_INVALID', { value: String(value).slice(0, 200) });
  }
  return { algorithm, hex: match[2]! };
}

/** Whether it is a digest that {@link parseDigest} takes. */
export function isDigest(value: string): value is Digest {
  return /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(value);
}

/** The digest of some bytes. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return finishDigest(createHash(algorithm).update(bytes), algorithm);
}

/** The digest that a hash came to; the hash cannot be used any more. */
export function finishDigest(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest('hex')}`;
}
