import { execFileSync } from 'node:child_process';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { fromText } from '../../src/system/bytes.js';
import { AT_FDCWD, mknodat, S } from '../../src/system/files.js';
import { tmpdir } from './tmp.js';

/** Entries that a user or a container can put in the place of a file or directory that layerhook opens. */
export const hostileKinds = [
  'fifo',
  'socket',
  'symlink to a directory',
  'symlink to a fifo',
  'symlink to a file',
  'dangling symlink',
  'device',
  'directory of another user',
  'file',
] as const;
export type HostileKind = (typeof hostileKinds)[number];

/** A user other than root. */
const otherUid = 65534;

/**
 * Puts a hostile entry at `path`.
 *
 * @returns a function that describes the entry and the target tree of a symlink; neither may change
 */
export function putHostile(
  t: ExecutionContext<unknown>,
  path: string,
  kind: HostileKind,
): { entry: () => unknown; outside: () => unknown } {
  const outside = join(tmpdir(t), 'outside');
  mkdirSync(join(outside, 'kept'), { recursive: true });
  writeFileSync(join(outside, 'kept/file'), 'precious');
  makers[kind](path, outside);
  return { entry: () => describe(path), outside: () => describe(outside) };
}

/** Returns inode, type and content of a file, or of all files in a directory; null if it is missing. */
function describe(path: string): unknown {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  const { ino, mode, uid } = stat;
  if (stat.isDirectory())
    return {
      ino,
      mode,
      uid,
      files: readdirSync(path)
        .sort()
        .map((name) => [name, describe(join(path, name))]),
    };
  return { ino, mode, uid, text: stat.isFile() ? readFileSync(path, 'utf8') : '' };
}

type Maker = (path: string, outside: string) => unknown;

const makers: Record<HostileKind, Maker> = {
  fifo: (path) => execFileSync('mkfifo', [path]),
  socket: (path) => mknodat(AT_FDCWD, fromText(path), S.IFSOCK | 0o666),
  'symlink to a directory': (path, outside) => symlinkSync(outside, path),
  'symlink to a fifo': (path, outside) => {
    execFileSync('mkfifo', [join(outside, 'fifo')]);
    symlinkSync(join(outside, 'fifo'), path);
  },
  'symlink to a file': (path, outside) => symlinkSync(join(outside, 'kept/file'), path),
  'dangling symlink': (path, outside) => symlinkSync(join(outside, 'missing'), path),
  device: (path) => execFileSync('mknod', [path, 'c', '1', '3']),
  'directory of another user': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'theirs'), 'theirs');
    chownSync(path, otherUid, otherUid);
  },
  file: (path) => writeFileSync(path, 'not a directory'),
};
