import { constants, copyFileSync, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fsError } from '../errors/fs-error.js';
import type { ByteString } from '../system/bytes.js';
import { close } from '../system/close.js';
import { isErrno } from '../system/errno.js';
import { linkOpened, tryUnlinkat } from '../system/files.js';
import { pathIn } from '../system/xattr.js';
import { openBlobFile, openVerified } from './blob.js';
import type { AdoptedBlob } from './storage/storage.js';
import type { LayoutFiles } from './writer-files.js';

/** Mode of a new blob before the umask. */
const blobMode = 0o644;
/** Errors that say that the file system, or the pair of file systems, cannot share bytes. */
const cannotShare = [
  'EXDEV',
  'EMLINK',
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'ENOTTY',
  'ENOENT',
];

/**
 * Makes a file that shares its bytes on the disk with the blob of another layout, and verifies it: a reflink, which later
 * writes to the other file cannot change, or else a hardlink.
 *
 * A hardlink is the same file: a write to one changes the other. So only a file gets one that no other user can
 * write to, and that is what a new blob would be: same owner, same mode. The opened file is verified and linked, not its
 * name, which the owner of the other layout may exchange at any time.
 *
 * @param files the layout that gets the blob
 * @param target open directory, and the name of the new file in it
 * @returns false if neither is possible; no file is left
 * @throws LayerhookError BLOB_NOT_FOUND, BLOB_SIZE, BLOB_DIGEST, NO_SPACE, SYSTEM
 */
export async function adoptBlob(
  blob: AdoptedBlob,
  files: LayoutFiles,
  target: { directory: number; name: ByteString },
): Promise<boolean> {
  const { fd } = openBlobFile(blob.place, blob, files.path);
  const path = pathIn(target.directory, target.name);
  try {
    if (!(reflink(fd, path) || hardlink(fd, files, target))) return false;
    await verify(blob, path, files.path);
    await settle(path, files);
    return true;
  } catch (error) {
    tryUnlinkat(target.directory, target.name);
    throw fsError(error, `writing blob ${blob.digest} in ${files.path}`);
  } finally {
    close(fd);
  }
}

function reflink(fd: number, path: ByteString): boolean {
  const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = constants;
  return attempt(() => copyFileSync(`/proc/self/fd/${fd}`, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE));
}

function hardlink(
  fd: number,
  files: LayoutFiles,
  { directory, name }: { directory: number; name: ByteString },
): boolean {
  const { uid, gid, mode } = fstatSync(fd);
  const owner = ownerOf(files) ?? { uid: process.geteuid!(), gid };
  const isOurs = uid === process.geteuid!() && uid === owner.uid && gid === owner.gid;
  if (!isOurs || (mode & 0o7777) !== (blobMode & ~process.umask())) return false;
  return attempt(() => linkOpened(fd, directory, name));
}

async function verify({ digest, size }: AdoptedBlob, path: ByteString, layout: string): Promise<void> {
  for await (const _ of openVerified({ path }, { mediaType: '', digest, size }, layout));
}

/** Gives the file the mode and owner of a new blob, and flushes it. Of a hardlink, both are right already. */
async function settle(path: ByteString, files: LayoutFiles): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { nlink } = await handle.stat();
    const owner = ownerOf(files);
    if (nlink === 1 && owner) await handle.chown(owner.uid, owner.gid);
    if (nlink === 1) await handle.chmod(blobMode & ~process.umask());
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Returns the owner that blobs of a layout get; undefined if only root could give it to them. */
function ownerOf(files: LayoutFiles): { uid: number; gid: number } | undefined {
  return process.geteuid?.() === 0 ? files.owner() : undefined;
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (cannotShare.some((code) => isErrno(error, code) || (error as { code?: unknown }).code === code))
      return false;
    throw error;
  }
}
