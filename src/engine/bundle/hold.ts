import { realpathSync } from 'node:fs';
import { errorCode, fsError } from '../../errors/fs-error.js';
import { LayerhookError } from '../../errors/index.js';
import { type NamedDirectory, namesIn, removeEntries } from '../../system/named-directory.js';
import { isUnfinishedName } from './names.js';
import { closePlace, lockBundle } from './private-place.js';

/**
 * Keeps other commands from removing or refreshing a bundle. Removes the unfinished files of killed commands if no other command
 * works on the bundle.
 *
 * @param isChanged true: the caller refreshes the bundle, so no other command may repack it meanwhile
 * @throws LayerhookError BUNDLE_BUSY, SYSTEM
 */
export function holdBundle(bundle: string, isChanged: boolean): { release(): void } {
  const place = lock(bundle, isChanged);
  if (place === 'unsupported') return { release() {} };
  if (isChanged) removeEntries(place.fd, namesIn(place.fd).filter(isUnfinishedName));
  return { release: () => closePlace(place) };
}

/** Locks a bundle; some network file systems support no locks. */
function lock(bundle: string, isChanged: boolean): NamedDirectory | 'unsupported' {
  try {
    const place = lockBundle(realpathSync(bundle), isChanged ? 'exclusive' : 'shared');
    if (place !== null) return place;
  } catch (error) {
    if (errorCode(error instanceof LayerhookError ? error.cause : error) === 'ENOLCK') return 'unsupported';
    throw fsError(error, `locking bundle ${bundle}`);
  }
  const [reason, expected] = ['another command works on it', 'wait until it is done'];
  throw new LayerhookError('BUNDLE_BUSY', { path: bundle, reason, expected });
}
