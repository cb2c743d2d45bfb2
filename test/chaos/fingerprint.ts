/** What distinguishes one state of a place from another: a state that was inspected once need not be inspected again. */
import {
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { whyInvalidDatabase } from '../../src/store/metadata/check-file.js';
import { fromText } from '../../src/system/bytes.js';
import { readXattrs } from '../../src/system/xattr.js';
import { mountsIn, sha256 } from './look.js';
import type { Place } from './place.js';

/** Files of LMDB: the rows of the database count, not its pages and readers. */
const ofLmdb = /^\/store\/metadata\/store\.mdb/;

/** Attributes whose values overlayfs makes up: only their names count. */
const madeUp = /^trusted\.overlay\.(uuid|origin)$/;

/**
 * Returns a hash of all that a command can see of a place: files with their types, modes, owners, links, attributes and
 * content, rows of the database, and mounts. Random names and the present time do not count; a time of the past does.
 */
export function fingerprint({ root, store }: Place): string {
  const paths = readdirSync(root, { recursive: true }) as string[];
  const files = ['', ...paths.map((path) => `/${path}`)].filter((path) => !ofLmdb.test(path));
  const mounts = mountsIn(root).map((line) => withoutRandom(line.split(' ').slice(3).join(' ')));
  const lines = [...files.map((path) => described(root, path)), ...mounts].sort();
  return sha256(Buffer.from([...lines, ...databaseRows(join(store, 'metadata/store.mdb'), root)].join('\n')));
}

function described(root: string, path: string): string {
  const file = join(root, path);
  const stat = lstatSync(file);
  const { mode, uid, gid, nlink, mtimeMs } = stat;
  const isRecent = Math.abs(Date.now() - mtimeMs) < 86_400_000;
  const attributes = [...readXattrs(fromText(file))].map(
    ([name, value]) => `${name}=${madeUp.test(name) ? '' : value.toString('hex')}`,
  );
  const content = stat.isSymbolicLink()
    ? readlinkSync(file)
    : stat.isFile()
      ? sha256(readFileSync(file))
      : '';
  const name = path.includes('/blobs/') ? path : withoutRandom(path);
  return [name, mode, uid, gid, nlink, isRecent ? '' : mtimeMs, content, ...attributes.sort()].join(' ');
}

/** Returns a name with what is random in it replaced: hashes, and endings of temporary names. */
function withoutRandom(name: string): string {
  return name.replace(/(new-|\.layerhook-|~|removed\/\d+-)\w+/g, '$1#').replace(/[0-9a-f]{8,}/g, '#');
}

/** Returns the rows of a store's database without times; a file that is not a database is given by its content. */
function databaseRows(path: string, root: string): string[] {
  if (!existsSync(path)) return [];
  if (whyInvalidDatabase(path) !== undefined) return [sha256(readFileSync(path))];
  const copy = join(root, '../rows.mdb');
  copyFileSync(path, copy);
  const db = open<string, Buffer>({ path: copy, noSubdir: true, encoding: 'string', keyEncoding: 'binary' });
  try {
    return [...db.getRange({})].map(
      ({ key, value }) => `${key.toString('hex')} ${value.replace(/\d{10,}(\.\d+)?/g, 'time')}`,
    );
  } finally {
    void db.close();
    for (const file of [copy, `${copy}-lock`]) rmSync(file, { force: true });
  }
}
