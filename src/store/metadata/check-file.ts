import { fstatSync, openSync, readSync, statSync } from 'node:fs';
import { errorCode } from '../../errors/fs-error.js';
import { close } from '../../system/close.js';

/**
 * Checks that a file can be opened as an LMDB database. Opening a truncated file, garbage or another type of file would
 * kill the process (SIGSEGV, SIGBUS). Reads the two meta pages and every page of the trees below the newer one: each
 * page must be inside the file and carry its own number. The content of pages is not checked. No process may write
 * meanwhile.
 *
 * The format is version 2 of `mdb.c` in lmdb's package, on a 64-bit little-endian machine.
 *
 * @returns why the file cannot be opened; undefined for a usable file, and for an empty or missing one, which LMDB creates
 * @throws errors of node:fs
 */
export function whyInvalidDatabase(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return `${path} is not a regular file`;
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
    close(fd);
  }
}

/**
 * As {@link whyInvalidDatabase}, for LMDB's lock file. The file is not opened, because closing it would release this
 * process's locks on it.
 */
export function whyInvalidLock(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === false
    ? `${path} is not a regular file`
    : undefined;
}

const pageHeader = 24;
const branchPage = 1;
const leafPage = 2;
const metaPage = 8;
const magicNumber = 0xbeefc0de;
const formatVersion = 2;
/** offsets of the two MDB_db in an MDB_meta, and of fields in an MDB_db */
const treeOffsets = [48, 96];
const depthOffset = 6;
const rootOffset = 40;
const metaBytes = 168;
const transactionOffset = 152;
const noPage = 0xffff_ffff_ffff_ffffn;
/** depth that no tree exceeds: each branch page has two keys or more, and page numbers fit the file */
const maxDepth = 32;

function checkPages(fd: number, size: number): string | undefined {
  const first = read(fd, 0, metaBytes);
  const pageSize = first.readUInt32LE(treeOffsets[0]!);
  const isPlausible = isMeta(first) && pageSize >= 512 && pageSize <= 65536;
  const second = isPlausible ? read(fd, pageSize, metaBytes) : first;
  if (!isPlausible || !isMeta(second)) return 'is not an LMDB database of this version';
  const isSecond = second.readBigUInt64LE(transactionOffset) > first.readBigUInt64LE(transactionOffset);
  const newest = isSecond ? second : first;
  const pages: Pages = { fd, pageSize, count: BigInt(Math.floor(size / pageSize)) };
  for (const tree of treeOffsets) {
    const depth = newest.readUInt16LE(tree + depthOffset);
    const root = newest.readBigUInt64LE(tree + rootOffset);
    if (root === noPage) continue;
    const damaged = depth > maxDepth ? root : damagedPage(pages, root, depth);
    if (damaged !== undefined) return `is truncated or damaged (page ${damaged} of ${pages.count})`;
  }
  return undefined;
}

interface Pages {
  fd: number;
  pageSize: number;
  count: bigint;
}

/** Returns the first page of a tree that is outside the file or carries another number. */
function damagedPage(pages: Pages, page: bigint, depth: number): bigint | undefined {
  if (page >= pages.count) return page;
  const isLeaf = depth <= 1;
  const bytes = read(pages.fd, Number(page) * pages.pageSize, isLeaf ? pageHeader : pages.pageSize);
  const kind = bytes.readUInt16LE(18) & (branchPage | leafPage);
  if (bytes.readBigUInt64LE(0) !== page || kind !== (isLeaf ? leafPage : branchPage)) return page;
  if (isLeaf) return undefined;
  for (const child of children(bytes) ?? [noPage]) {
    const damaged = damagedPage(pages, child, depth - 1);
    if (damaged !== undefined) return damaged === noPage ? page : damaged;
  }
  return undefined;
}

/** Returns the children of a branch page; undefined if the page is damaged. */
function children(page: Buffer): bigint[] | undefined {
  const count = page.readUInt16LE(20) >> 1;
  if (pageHeader + count * 2 > page.length) return undefined;
  const nodes = Array.from({ length: count }, (_, at) => pageHeader + page.readUInt16LE(pageHeader + at * 2));
  if (nodes.some((node) => node + 8 > page.length)) return undefined;
  return nodes.map((node) => BigInt(page.readUInt32LE(node)) | (BigInt(page.readUInt16LE(node + 4)) << 32n));
}

function isMeta(page: Buffer): boolean {
  const { 18: flags = 0 } = page;
  return (
    (flags & metaPage) !== 0 &&
    page.readUInt32LE(24) === magicNumber &&
    (page.readUInt32LE(28) & 0xffff) === formatVersion
  );
}

/** Reads bytes of the file; zeros after its end. */
function read(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  return bytes;
}
