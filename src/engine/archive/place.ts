import { fsyncSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fsError, reasonOf } from '../../errors/fs-error.js';
import { isLayerhookError, LayerhookError } from '../../errors/index.js';
import type { PoststopContext } from '../../points/points.js';
import { againIfGone } from '../../system/again-if-gone.js';
import { type ByteString, fromText } from '../../system/bytes.js';
import { closeOnError } from '../../system/close-on-error.js';
import { isErrno } from '../../system/errno.js';
import { close, O, openat, RENAME_EXCHANGE, renameat2 } from '../../system/files.js';
import { fileIdentity, identityAt } from '../../system/identity.js';
import { type NewDirectories, withNewDirectories } from '../../system/new-directories.js';
import { readDirectory } from '../../system/readdir.js';
import { inodeNumber, StatBuffer, statAt } from '../../system/stat.js';
import {
  createTemporary,
  discardTemporary,
  irreplaceable,
  publishTemporary,
  sweepTemporaries,
  type Temporary,
  writeFileAt,
} from '../../system/temporary.js';
import { inodeOf, openTrustedDirectory } from '../../system/trusted-directory.js';

/** Where an archive is made, and its final path. */
export interface Place {
  /** the final path, for errors and results */
  final: string;
  /** the last component of that path, in the directory of `temporary` */
  name: ByteString;
  /** identity of the file that has this name when the work begins */
  older: string | null;
  temporary: Temporary;
}

type Claiming = Pick<PoststopContext, 'identity' | 'log'>;

/**
 * Runs `write` with a new file or directory beside the destination. `write` publishes it; otherwise it is removed, with the
 * parents that were created for it.
 */
export function atPlace<T>(
  context: PoststopContext,
  type: 'file' | 'directory',
  write: (place: Place) => Promise<T>,
): Promise<T> {
  return withNewDirectories((made) => inParent(context, made, type, write));
}

async function inParent<T>(
  context: PoststopContext,
  made: NewDirectories,
  type: 'file' | 'directory',
  write: (place: Place) => Promise<T>,
): Promise<T> {
  const { destination: final } = context;
  const name = fromText(basename(final));
  let parent: number | undefined;
  try {
    const { older, temporary } = againIfGone(() =>
      closeOnError(openParent(context, made), (directory) => {
        const older = identityAt(directory, name);
        sweepTemporaries(directory, name);
        return { older, temporary: createTemporary(directory, name, type) };
      }),
    );
    parent = temporary.directory;
    try {
      return await write({ final, name, older, temporary });
    } finally {
      // after publishing, this name is free or has the older archive
      discardTemporary(temporary);
    }
  } catch (error) {
    throw isLayerhookError(error) ? error : fsError(error, `cannot write ${final}`);
  } finally {
    if (parent !== undefined) close(parent);
  }
}

/** Gives a file its final name. It replaces a file of that name, and does not follow a symlink. */
export function publishFile({ temporary, name, final }: Place, context: Claiming): void {
  const what = irreplaceable(temporary.directory, name);
  if (what !== null) throw occupied(final, `${what} is there`, 'remove it, or name another path');
  claim(temporary.fd, context);
  publishTemporary(temporary, name);
}

/** Gives a directory its final name. It replaces an empty directory and, with `replace`, an older archive. */
export function publishDirectory(place: Place, context: Claiming & { replace: boolean }): void {
  const { temporary, name, final } = place;
  const { directory } = temporary;
  const stat = new StatBuffer();
  const found = statAt(directory, name, stat);
  if (found && !stat.isDirectory)
    throw occupied(final, 'a file that is not a directory is there', 'remove it, or name another path');
  const isFull = found && !isEmpty(directory, name);
  if (isFull && !context.replace) throw notOurs(final);
  claim(temporary.fd, context);
  if (isFull) exchange(place);
  else publishTemporary(temporary, name);
}

/** Records the identity of the new archive, so that a hook that is killed after the rename recognizes its archive. */
function claim(fd: number, { identity: file, log }: Claiming): void {
  if (file === '') return;
  try {
    const directory = openTrustedDirectory(dirname(file));
    try {
      const name = fromText(basename(file));
      sweepTemporaries(directory, name);
      writeFileAt(directory, name, fileIdentity(fd), 0o600);
    } finally {
      close(directory);
    }
  } catch (error) {
    log.warn(`cannot record the archive in ${file}: ${reasonOf(error)}`);
  }
}

function openParent(
  { destination, upperdir, containerPaths }: PoststopContext,
  made: NewDirectories,
): number {
  const archived = inodeOf(upperdir);
  const visit = (stat: StatBuffer) => {
    if (inodeNumber(stat) === archived)
      throw occupied(destination, 'it is inside the upperdir', 'name a path outside of the upperdir');
  };
  return openTrustedDirectory(dirname(destination), {
    ...{ make: 0o777, onMade: (path) => made.note(path), visit },
    untrusted: [...containerPaths, upperdir],
  });
}

/** Exchanges the new directory with the old one, atomically if the filesystem can. */
function exchange(place: Place): void {
  const { temporary, name, older, final } = place;
  const { directory } = temporary;
  if (!tryExchange(temporary, name)) moveAside(place);
  else if (identityAt(directory, temporary.name) !== older) {
    renameat2(directory, temporary.name, directory, name, RENAME_EXCHANGE);
    throw notOurs(final);
  }
  fsyncSync(directory);
}

function tryExchange({ directory, name }: Temporary, final: ByteString): boolean {
  try {
    renameat2(directory, name, directory, final, RENAME_EXCHANGE);
    return true;
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'ENOSYS', 'ENOTSUP')) return false;
    throw error;
  }
}

function moveAside({ temporary, name, older, final }: Place): void {
  const { directory } = temporary;
  const aside = createTemporary(directory, name, 'directory');
  try {
    renameat2(directory, name, directory, aside.name, 0);
    try {
      if (identityAt(directory, aside.name) !== older) throw notOurs(final);
      renameat2(directory, temporary.name, directory, name, 0);
    } catch (error) {
      renameat2(directory, aside.name, directory, name, 0);
      throw error;
    }
  } finally {
    discardTemporary(aside);
  }
}

function isEmpty(directory: number, name: ByteString): boolean {
  const fd = openat(directory, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  try {
    return readDirectory(fd).length === 0;
  } finally {
    close(fd);
  }
}

function notOurs(path: string): LayerhookError {
  const reason = 'the directory there is not an archive of layerhook';
  return occupied(path, reason, 'remove it, or name a path that does not exist');
}

function occupied(path: string, reason: string, expected: string): LayerhookError {
  return new LayerhookError('ARCHIVE_DESTINATION', { path, reason, expected });
}
