import { createHash, type Hash } from 'node:crypto';
import { LayerhookError } from '../errors/index.js';
import type { Digest } from './types.js';

export type DigestAlgorithm = 'sha256' | 'sha512';

const hexLength: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };

/**
 * Splits a digest into algorithm and hex; image-spec descriptor.md, "Digests".
 *
 * @throws LayerhookError DIGEST_INVALID, also for algorithms other than sha256 and sha512
 */
export function parseDigest(value: unknown): { algorithm: DigestAlgorithm; hex: string } {
  const match = typeof value === 'string' ? /^(sha256|sha512):([0-9a-f]+)$/.exec(value) : null;
  const algorithm = match?.[1] as DigestAlgorithm | undefined;
  if (!match || !algorithm || match[2]!.length !== hexLength[algorithm]) {
    throw new LayerhookError('DIGEST_INVALID', { value: String(value || '(missing)').slice(0, 200) });
  }
  return { algorithm, hex: match[2]! };
}

/** True if {@link parseDigest} accepts the value. */
export function isDigest(value: string): value is Digest {
  return /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(value);
}

/** Returns the digest of the given bytes. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return finishDigest(createHash(algorithm).update(bytes), algorithm);
}

/** Returns the digest of the bytes that a hash has seen. The hash cannot be used afterwards. */
export function finishDigest(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest('hex')}`;
}
