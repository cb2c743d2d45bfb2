import type { EntryType, Values } from 'mtree-ts';
import type { ByteString } from '../system/bytes.js';
import { S } from '../system/files.js';
import type { StatBuffer } from '../system/stat.js';

/** The facts about a file that an mtree records. */
export interface FileFacts {
  stat: Pick<StatBuffer, 'type' | 'uid' | 'gid' | 'mode' | 'nlink' | 'size' | 'mtimeSec'>;
  /** target of a symlink */
  link?: ByteString;
  /** xattrs on disk */
  xattrs: ReadonlyMap<ByteString, Buffer>;
  /** digest of a regular file's content, in hexadecimal */
  sha256?: string;
}

const types = new Map<number, EntryType>([
  [S.IFREG, 'file'],
  [S.IFDIR, 'dir'],
  [S.IFLNK, 'link'],
  [S.IFCHR, 'char'],
  [S.IFBLK, 'block'],
  [S.IFIFO, 'fifo'],
  [S.IFSOCK, 'socket'],
]);

/** Returns the values of umoci's keywords. Like go-mtree, it includes xattrs for files and directories only. */
export function mtreeValues({ stat, link, xattrs, sha256 }: FileFacts): Values {
  const type = types.get(stat.type) ?? 'file';
  return {
    type,
    uid: stat.uid,
    gid: stat.gid,
    mode: stat.mode,
    nlink: stat.nlink,
    size: stat.size,
    time: { sec: stat.mtimeSec, nsec: 0 },
    ...(link !== undefined && { link }),
    ...((type === 'file' || type === 'dir') && { xattrs }),
    ...(sha256 !== undefined && { sha256digest: sha256 }),
  };
}
