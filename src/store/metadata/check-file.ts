import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { errorCode } from '../../errors/fs-error.js';

/**
 * Why a file cannot be used as an LMDB database, which would end the process (SIGSEGV, SIGBUS) if it were opened: another
 * file, garbage, a file cut off. What is looked at are the two meta pages, and each page of the trees that the newer one
 * leads to: that it is in the file, and where it says it is. Content is not; nobody may write meanwhile.
 *
 * The format is that of `mdb.c` of lmdb's package, version 2, as a 64-bit machine of little end has it.
 *
 * @returns undefined for a file that can be opened, and for one that is empty or not there: it is made then
 * @throws as node:fs
 */
export function whyNoDatabase(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return `${path} is no file`;
  let fd: number;
  try {
    fd = openSync(path, 'r+');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const reason = size === 0 ? undefined : checkPages(fd, size);
    return reason && `${path} ${reason}`;
  } finally {
    closeSync(fd);
  }
}

/** As {@link whyNoDatabase}, of LMDB's lock file: it is not opened, since closing it gives up this process's locks on it. */
export function whyNoLock(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === false ? `${path} is no file` : undefined;
}

const PAGE_HEADER = 24;
const BRANCH = 1;
const LEAF = 2;
const META = 8;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
/** offset of an MDB_meta's two MDB_db, and of fields in one */
const TREES = [48, 96];
const DEPTH = 6;
const ROOT = 40;
const META_BYTES = 168;
const LAST_TRANSACTION = 152;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** of a tree whose pages have two keys at least, and of which there is one a page of a file */
const DEEPEST = 32;

function checkPages(fd: number, size: number): string | undefined {
  const first = read(fd, 0, META_BYTES);
  const pageSize = first.readUInt32LE(TREES[0]!);
  const isPlausible = isMeta(first) && pageSize >= 512 && pageSize <= 65536;
  const second = isPlausible ? read(fd, pageSize, META_BYTES) : first;
  if (!isPlausible || !isMeta(second)) return 'is no LMDB database of this version';
  const isSecond = second.readBigUInt64LE(LAST_TRANSACTION) > first.readBigUInt64LE(LAST_TRANSACTION);
  const newest = isSecond ? second : first;
  const pages: Pages = { fd, pageSize, count: BigInt(Math.floor(size / pageSize)) };
  for (const tree of TREES) {
    const depth = newest.readUInt16LE(tree + DEPTH);
    const root = newest.readBigUInt64LE(tree + ROOT);
    if (root === NO_PAGE) continue;
    const broken = depth > DEEPEST ? root : brokenPage(pages, root, depth);
    if (broken !== undefined) return `is cut off or damaged (page ${broken} of ${pages.count})`;
  }
  return undefined;
}

interface Pages {
  fd: number;
  pageSize: number;
  count: bigint;
}

/** The first page of a tree that is not in the file, or is another one. */
function brokenPage(pages: Pages, page: bigint, depth: number): bigint | undefined {
  if (page >= pages.count) return page;
  const isLeaf = depth <= 1;
  const bytes = read(pages.fd, Number(page) * pages.pageSize, isLeaf ? PAGE_HEADER : pages.pageSize);
  const kind = bytes.readUInt16LE(18) & (BRANCH | LEAF);
  if (bytes.readBigUInt64LE(0) !== page || kind !== (isLeaf ? LEAF : BRANCH)) return page;
  if (isLeaf) return undefined;
  for (const child of children(bytes) ?? [NO_PAGE]) {
    const broken = brokenPage(pages, child, depth - 1);
    if (broken !== undefined) return broken === NO_PAGE ? page : broken;
  }
  return undefined;
}

/** The pages that a branch page leads to; undefined if it is damaged. */
function children(page: Buffer): bigint[] | undefined {
  const count = page.readUInt16LE(20) >> 1;
  if (PAGE_HEADER + count * 2 > page.length) return undefined;
  const nodes = Array.from(
    { length: count },
    (_, at) => PAGE_HEADER + page.readUInt16LE(PAGE_HEADER + at * 2),
  );
  if (nodes.some((node) => node + 8 > page.length)) return undefined;
  return nodes.map((node) => BigInt(page.readUInt32LE(node)) | (BigInt(page.readUInt16LE(node + 4)) << 32n));
}

function isMeta(page: Buffer): boolean {
  const { [18]: flags = 0 } = page;
  return (
    (flags & META) !== 0 && page.readUInt32LE(24) === MAGIC && (page.readUInt32LE(28) & 0xffff) === VERSION
  );
}

/** Bytes of the file; zeros where there are none. */
function read(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  return bytes;
}
