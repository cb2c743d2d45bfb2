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

const pageHeader = 24;
const branchPage = 1;
const leafPage = 2;
const metaPage = 8;
const magicNumber = 0xbeefc0de;
const formatVersion = 2;
/** offset of an MDB_meta's two MDB_db, and of fields in one */
const treeOffsets = [48, 96];
const depthOffset = 6;
const rootOffset = 40;
const metaBytes = 168;
const transactionOffset = 152;
const noPage = 0xffff_ffff_ffff_ffffn;
/** of a tree whose pages have two keys at least, and of which there is one a page of a file */
const maxDepth = 32;

function checkPages(fd: number, size: number): string | undefined {
  const first = read(fd, 0, metaBytes);
  const pageSize = first.readUInt32LE(treeOffsets[0]!);
  const isPlausible = isMeta(first) && pageSize >= 512 && pageSize <= 65536;
  const second = isPlausible ? read(fd, pageSize, metaBytes) : first;
  if (!isPlausible || !isMeta(second)) return 'is no LMDB database of this version';
  const isSecond = second.readBigUInt64LE(transactionOffset) > first.readBigUInt64LE(transactionOffset);
  const newest = isSecond ? second : first;
  const pages: Pages = { fd, pageSize, count: BigInt(Math.floor(size / pageSize)) };
  for (const tree of treeOffsets) {
    const depth = newest.readUInt16LE(tree + depthOffset);
    const root = newest.readBigUInt64LE(tree + rootOffset);
    if (root === noPage) continue;
    const broken = depth > maxDepth ? root : brokenPage(pages, root, depth);
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
  const bytes = read(pages.fd, Number(page) * pages.pageSize, isLeaf ? pageHeader : pages.pageSize);
  const kind = bytes.readUInt16LE(18) & (branchPage | leafPage);
  if (bytes.readBigUInt64LE(0) !== page || kind !== (isLeaf ? leafPage : branchPage)) return page;
  if (isLeaf) return undefined;
  for (const child of children(bytes) ?? [noPage]) {
    const broken = brokenPage(pages, child, depth - 1);
    if (broken !== undefined) return broken === noPage ? page : broken;
  }
  return undefined;
}

/** The pages that a branch page leads to; undefined if it is damaged. */
function children(page: Buffer): bigint[] | undefined {
  const count = page.readUInt16LE(20) >> 1;
  if (pageHeader + count * 2 > page.length) return undefined;
  const nodes = Array.from({ length: count }, (_, at) => pageHeader + page.readUInt16LE(pageHeader + at * 2));
  if (nodes.some((node) => node + 8 > page.length)) return undefined;
  return nodes.map((node) => BigInt(page.readUInt32LE(node)) | (BigInt(page.readUInt16LE(node + 4)) << 32n));
}

function isMeta(page: Buffer): boolean {
  const { [18]: flags = 0 } = page;
  return (
    (flags & metaPage) !== 0 &&
    page.readUInt32LE(24) === magicNumber &&
    (page.readUInt32LE(28) & 0xffff) === formatVersion
  );
}

/** Bytes of the file; zeros where there are none. */
function read(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, offset);
  return bytes;
}
