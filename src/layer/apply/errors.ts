import { errnoName } from '../../errors/errno.js';
import { codeWords, errorCode, machineExpectation } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type ByteString, showBytes } from '../../system/bytes.js';
import { SystemError } from '../../system/errno.js';

/** An invalid entry of a layer. The applier adds the layer and the name to the message. */
export class BadEntry extends Error {
  override readonly name = 'BadEntry';
}

/** An entry whose path or link leads nowhere. The layers below may lead it elsewhere. */
export class BadPath extends BadEntry {}

/** Converts the failure of an entry to a typed error that names the layer and the entry. */
export function entryError(error: unknown, digest: string, name: ByteString): unknown {
  if (error instanceof LayerhookError || !(error instanceof Error)) return error;
  const shown = showBytes(name);
  const malformed = (reason: string) =>
    new LayerhookError('LAYER_ENTRY', { digest, name: shown, reason }, error);
  if (error instanceof BadEntry) return malformed(error.message);
  const code = codeOf(error);
  const syscall = error instanceof SystemError ? error.syscall : '';
  const invalid = code === 'EINVAL';
  if (invalid && syscall.startsWith('setxattr'))
    return malformed(`${syscall}: the attribute cannot have this value`);
  // ids that chown(2) can never set were refused before
  if (invalid && syscall.startsWith('fchown')) return notInNamespace(`layer ${digest}: ${shown}`, error);
  const reason = namesAtFault[code];
  if (reason !== undefined) return malformed(reason);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new LayerhookError('NO_SPACE', { path: shown }, error);
  return new LayerhookError(
    'SYSTEM',
    {
      what: `layer ${digest}: ${shown}`,
      reason: codeWords(code),
      expected: hints[code] ?? machineExpectation(code) ?? 'check the filesystem that it is unpacked to',
    },
    error,
  );
}

function notInNamespace(what: string, cause: Error): LayerhookError {
  const reason = 'this user namespace has no mapping for its owner or group';
  const expected = 'add IDs to the ranges in /etc/subuid and /etc/subgid, or use --rootless';
  return new LayerhookError('SYSTEM', { what, reason, expected }, cause);
}

export const tooLong = 'its name is too long';

/** Error codes that only an odd name or number in the entry can cause. */
const namesAtFault: Readonly<Record<string, string>> = {
  EINVAL: 'Linux cannot represent its name, link target or device number',
  ENAMETOOLONG: tooLong,
};

const refused =
  process.geteuid?.() === 0
    ? 'the filesystem, or the container that this runs in, must allow it'
    : 'run as root, or with --rootless';

const hints: Readonly<Record<string, string>> = {
  EPERM: refused,
  EACCES: refused,
};

function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string') return errorCode(error)!;
  return 'errno' in error ? errnoName(Number(error.errno)) : error.message;
}
