import { type Header, type Pack, pack as tarPack } from 'tar-stream';
import { type ByteString, toText } from '../system/bytes.js';
import { encodePax, type PaxRecord } from './pax-encode.js';
import type { EntryType, TarEntry } from './types.js';

/** Writes entries to a tar, one after the other. */
export interface TarWriter {
  /** the tar's bytes; must be read while entries are written, because writing waits for the reader */
  readonly stream: Pack;
  /** Writes one entry; `content` must give exactly `entry.size` bytes. */
  write(entry: TarEntry, content?: Content): Promise<void>;
  end(): void;
}

type Content = AsyncIterable<Buffer> | Iterable<Buffer>;

/** The largest values that tar-stream can put into a ustar header; POSIX pax, "ustar Interchange Format". */
const limits = {
  name: 100,
  prefix: 155,
  id: 0o777777,
  time: 0x7fffffff,
  size: 0o77777777777,
  device: 0o777777,
};

const typeNames: Record<EntryType, NonNullable<Header['type']>> = {
  file: 'file',
  hardlink: 'link',
  symlink: 'symlink',
  char: 'character-device',
  block: 'block-device',
  directory: 'directory',
  fifo: 'fifo',
};

/** Type bits added to the mode, which tar-stream cuts off again: it would replace a mode of 0 by its default. */
const regularFile = 0o100000;

/**
 * Creates a writer of tars in the ustar format. Entries with long or non-ASCII names, numbers out of range or xattrs get a
 * PAX header. The same entries give the same bytes.
 */
export function tarWriter(): TarWriter {
  const stream = tarPack();
  return {
    stream,
    async write(entry, content = []) {
      const records = paxRecords(entry);
      if (records.length > 0) await writePax(stream, records);
      await writeEntry(stream, entry, content);
    },
    end: () => stream.finalize(),
  };
}

/**
 * Yields the bytes of a tar while `write` writes its entries. `write` waits for the consumer.
 *
 * An error of `write` is thrown in the middle of the bytes. If the consumer stops early, so does `write`.
 */
export async function* tarOf(write: (writer: TarWriter) => Promise<void>): AsyncGenerator<Buffer> {
  const writer = tarWriter();
  const writing = write(writer).then(
    () => writer.end(),
    (error: Error) => {
      writer.stream.destroy(error);
      throw error;
    },
  );
  // the consumer of the stream gets this error from the stream
  writing.catch(() => {});
  try {
    yield* inPieces(writer.stream as AsyncIterable<Buffer>);
    await writing;
  } finally {
    writer.stream.destroy();
    await writing.catch(() => {});
  }
}

/** Bytes of a tar that are hashed and compressed together. */
const pieceBytes = 128 * 1024;

/**
 * Joins chunks. A small file gives three: header, content, padding. Hashing and compressing each chunk by itself costs 6 % of
 * the CPU time of a repack of 20,000 small files.
 */
async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < pieceBytes) continue;
    yield Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}

/** True if a tar can hold the device number: no PAX keyword for device numbers is in wide use. */
export function deviceFits(major: number, minor: number): boolean {
  return major <= limits.device && minor <= limits.device;
}

async function writePax(stream: Pack, records: PaxRecord[]): Promise<void> {
  const body = encodePax(records);
  const header = {
    name: 'PaxHeader',
    mode: 0o644,
    mtime: new Date(0),
    size: body.length,
    type: 'pax-header',
  };
  await withoutBody(stream, header as unknown as Header);
  stream.push(body);
}

async function writeEntry(stream: Pack, entry: TarEntry, content: Content): Promise<void> {
  const header = ustarHeader(entry);
  if (entry.type !== 'file') return withoutBody(stream, header);
  const { sink, done, drained } = openEntry(stream, header);
  for await (const chunk of content) {
    if (!sink.write(chunk)) await drained();
    if (sink.destroyed) break;
  }
  sink.end(null);
  await done;
}

function openEntry(stream: Pack, header: Header) {
  const { promise: done, resolve, reject } = deferred();
  // it may fail while the content is still being read, before `done` is awaited
  done.catch(() => {});
  const sink = stream.entry(header, (error) => (error ? reject(error) : resolve()));
  // the callback reports the error too
  sink.on('error', () => {});
  let wake: () => void = () => {};
  sink.on('drain', () => wake());
  sink.on('close', () => wake());
  /** resolves when the sink accepts more bytes, or has failed; `done` shows which */
  const drained = () =>
    new Promise<void>((go) => {
      wake = go;
      if (sink.destroyed) go();
    });
  return { sink, done, drained };
}

function withoutBody(stream: Pack, header: Header): Promise<void> {
  const { promise, resolve, reject } = deferred();
  stream.entry(header, (error) => (error ? reject(error) : resolve()));
  return promise;
}

function deferred() {
  let resolve: () => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

function paxRecords(entry: TarEntry): PaxRecord[] {
  const records: PaxRecord[] = [];
  const name = tarName(entry);
  if (needsBinary(name) || needsBinary(entry.linkname)) records.push({ key: 'hdrcharset', value: 'BINARY' });
  if (!fitsName(name)) records.push({ key: 'path', value: name });
  if (!fitsLink(entry.linkname)) records.push({ key: 'linkpath', value: entry.linkname });
  if (entry.size > limits.size) records.push({ key: 'size', value: String(entry.size) });
  if (entry.uid > limits.id) records.push({ key: 'uid', value: String(entry.uid) });
  if (entry.gid > limits.id) records.push({ key: 'gid', value: String(entry.gid) });
  if (!fitsTime(entry.mtime)) records.push({ key: 'mtime', value: paxTime(entry.mtime) });
  for (const [key, value] of [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push({ key: `SCHILY.xattr.${key}`, value });
  }
  return records;
}

/** Creates the ustar header. Values that do not fit are in the PAX header, and here replaced by placeholders. */
function ustarHeader(entry: TarEntry): Header {
  const name = tarName(entry);
  return {
    name: fitsName(name) ? name : standIn(name),
    type: typeNames[entry.type],
    mode: entry.mode | regularFile,
    size: entry.size,
    uid: Math.min(entry.uid, limits.id),
    gid: Math.min(entry.gid, limits.id),
    uname: '',
    gname: '',
    mtime: new Date(fitsTime(entry.mtime) ? entry.mtime.sec * 1000 : 0),
    linkname: fitsLink(entry.linkname) ? entry.linkname : standIn(entry.linkname),
    devmajor: entry.devMajor,
    devminor: entry.devMinor,
  };
}

/** True if a name is not UTF-8, which readers expect in PAX headers (POSIX) unless `hdrcharset` says otherwise. */
function needsBinary(name: ByteString): boolean {
  return toText(name) === undefined;
}

/** Returns the name in the header, with the slash that marks a directory. */
function tarName(entry: TarEntry): ByteString {
  return entry.type === 'directory' ? `${entry.name}/` : entry.name;
}

function fitsTime({ sec, nsec }: TarEntry['mtime']): boolean {
  return nsec === 0 && sec >= 0 && sec <= limits.time;
}

/** Formats seconds with a fraction. Nanoseconds before the epoch count upwards from `sec`, but PAX writes a negative number. */
function paxTime({ sec, nsec }: TarEntry['mtime']): string {
  if (nsec === 0) return String(sec);
  const negative = sec < 0;
  const whole = negative ? -(sec + 1) : sec;
  const fraction = negative ? 1e9 - nsec : nsec;
  return `${negative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

function fitsLink(linkname: ByteString): boolean {
  return isAscii(linkname) && linkname.length <= limits.name;
}

/** True if tar-stream can store the name: it splits long names at a slash into prefix and name, neither empty. */
function fitsName(name: ByteString): boolean {
  if (!isAscii(name)) return false;
  if (name.length <= limits.name) return true;
  const slash = name.indexOf('/', name.length - limits.name - 1);
  return slash > 0 && slash <= limits.prefix && slash < name.length - 1;
}

function standIn(name: ByteString): string {
  return name.slice(0, limits.name - 1).replace(/[^\u0020-\u007e]|\/$/g, '_');
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII
  return /^[\u0001-\u007f]*$/.test(text);
}
