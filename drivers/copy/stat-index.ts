import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readRegularFile, removeFile, replaceFile, type StatTable, statWord, statWords } from 'layerhook';

/** The stat of every file of a rootfs at a time when the rootfs matched its image. */
export interface StatIndex extends StatTable {
  /** digest of the image manifest that the rootfs matched */
  manifest: string;
  /** a file with this ctime or a later one may have changed after its stat was taken, without a different stat */
  tick: FileTime;
  /** True if such a file exists; computed when the index is written. */
  racy: boolean;
}

/** A file time. */
export interface FileTime {
  sec: number;
  nsec: number;
}

/** The first line of the file. */
const magic = 'layerhook stat index 1\n';
const digestSize = 32;
const wordSize = 4;

interface Head extends Pick<StatIndex, 'manifest' | 'tick' | 'racy'> {
  files: number;
  pathBytes: number;
}

/**
 * Writes an index atomically, without flushing it to disk: the checksum at its end detects what a power loss damages.
 */
export function writeStatIndex(file: string, index: Omit<StatIndex, 'racy'>): void {
  const { manifest, tick, paths, words } = index;
  const names = Buffer.from(paths.join('\0'), 'latin1');
  const racy = paths.some((_, row) => isRacy(tick, words, row));
  const head: Head = { manifest, tick, racy, files: paths.length, pathBytes: names.length };
  const parts = [
    Buffer.from(padded(`${magic}${JSON.stringify(head)}\n`)),
    Buffer.from(words.buffer, words.byteOffset, words.byteLength),
    names,
  ];
  parts.push(digest(parts));
  const write = (fd: number) => {
    // one by one: joined, they would be in memory twice
    for (const part of parts) writeFileSync(fd, part);
  };
  replaceFile(file, write, { mode: 0o600, flush: false });
}

/** Maximum size in bytes; an index takes about 200 bytes per file. */
const maxBytes = 2 ** 31 - 1;

/** Reads an index; undefined if it is missing or damaged. */
export function readStatIndex(file: string): StatIndex | undefined {
  const bytes = tryRead(file);
  if (bytes === undefined) return undefined;
  const content = bytes.subarray(0, Math.max(0, bytes.length - digestSize));
  if (!content.toString('latin1', 0, magic.length).startsWith(magic)) return undefined;
  if (!digest([content]).equals(bytes.subarray(content.length))) return undefined;
  const headEnd = content.indexOf('\n', magic.length) + 1;
  const { files, pathBytes, ...head } = JSON.parse(content.toString('latin1', magic.length, headEnd)) as Head;
  const names = content.toString('latin1', content.length - pathBytes);
  const offset = content.byteOffset + headEnd;
  const words = content.buffer.slice(offset, offset + files * statWords * wordSize);
  return { ...head, paths: names.split('\0'), words: new Uint32Array(words) };
}

function tryRead(file: string): Buffer | undefined {
  try {
    return readRegularFile(file, { maxBytes });
  } catch {
    return undefined;
  }
}

/** Removes an index, if it exists. */
export function removeStatIndex(file: string): void {
  removeFile(file);
}

/** True if a file may have changed after its stat was taken. */
export function isRacy(tick: FileTime, words: Uint32Array, row: number): boolean {
  const at = row * statWords + statWord.ctimeSec;
  const sec = words[at]! + (words[at + 1]! | 0) * 0x100000000;
  return sec > tick.sec || (sec === tick.sec && words[row * statWords + statWord.ctimeNsec]! >= tick.nsec);
}

export function isBefore(a: FileTime, b: FileTime): boolean {
  return a.sec < b.sec || (a.sec === b.sec && a.nsec < b.nsec);
}

/** Returns an index that leaves every file in doubt. */
export function doubtingAll(index: StatIndex): StatIndex {
  return { ...index, tick: { sec: Number.NEGATIVE_INFINITY, nsec: 0 }, racy: true };
}

/** Pads the head so that the following words begin at a multiple of their size. */
function padded(head: string): string {
  const missing = (wordSize - (head.length % wordSize)) % wordSize;
  return head.slice(0, -1) + ' '.repeat(missing) + head.slice(-1);
}

function digest(parts: Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
