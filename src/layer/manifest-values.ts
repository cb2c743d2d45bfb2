import type { EntryType, Values } from 'mtree-ts';
import type { ByteString } from '../system/bytes.js';
import { S } from '../system/files.js';
import type { StatBuffer } from '../system/stat.js';

/** What umoci's manifests say of a file, from what was read of it. */
export interface FileFacts {
  stat: Pick<StatBuffer, 'type' | 'uid' | 'gid' | 'mode' | 'nlink' | 'size' | 'mtimeSec'>;
  /** target of a symlink */
  link?: ByteString;
  /** as on disk */
  xattrs: ReadonlyMap<ByteString, Buffer>;
  /** of a regular file's content, in hexadecimal */
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

/** The values of umoci's keywords. Of extended attributes go-mtree sees those of files and directories only. */
export function manifestValues({ stat, link, xattrs, sha256 }: FileFacts): Values {
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
