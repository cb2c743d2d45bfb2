import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { TarReader } from '../../src/tar/index.js';
import fc from '../helpers/properties.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { mutatedArchive, soundArchive } from './mutate.js';
import { bare, byGnuTar, byGo, byTarStream, type Seen } from './oracles.js';
import { readAll, sourceOf } from './read.js';

const mayRefuseWith = new Set(['TAR_INVALID', 'LAYER_ENTRY', 'LIMIT_EXCEEDED']);

/** What our reader makes of an archive; undefined if it refuses it, or it is too large. All else is thrown. */
function byUs(archive: Buffer): Seen[] | undefined {
  try {
    return readAll(archive, 1000).map(({ name, type, size, content }) => ({
      name: bare(name),
      type,
      size,
      content: type === 'file' ? content.toString('hex') : '',
    }));
  } catch (error) {
    if (isLayerhookError(error) && mayRefuseWith.has(error.code)) return undefined;
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

test('the reader refuses any input, or reads it once, to its end and not beyond', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(mutatedArchive, fc.uint8Array({ maxLength: 2000 })),
      fc.integer({ min: 1, max: 1500 }),
      (bytes, chunk) => {
        const source = sourceOf(bytes, chunk);
        const reader = new TarReader(source);
        let steps = 0;
        try {
          while (reader.next() !== null) while (reader.readData() !== null) steps++;
        } catch (error) {
          if (!isLayerhookError(error) || !mayRefuseWith.has(error.code)) throw error;
        }
        const chunks = Math.ceil(bytes.length / chunk);
        // at the end each method may ask the source once more whether that is all
        return reader.position <= bytes.length && steps <= bytes.length && source.reads <= chunks + 6;
      },
    ),
    { numRuns: 3000 },
  );
  t.pass();
});

test('content never depends on where the source cuts', (t) => {
  fc.assert(
    fc.property(mutatedArchive, fc.integer({ min: 1, max: 1500 }), (archive, chunk) => {
      const read = (size: number) => {
        try {
          return JSON.stringify(readAll(archive, size));
        } catch (error) {
          return String(error);
        }
      };
      return read(chunk) === read(1 << 20);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('an archive that tar-stream and GNU tar read alike is read like that, or refused', async (t) => {
  if (!requires(t, 'tar')) return;
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(soundArchive, soundArchive, mutatedArchive), async (archive) => {
      const ours = byUs(archive);
      const streamed = await byTarStream(archive);
      if (ours === undefined || streamed === undefined) return;
      // tar-stream and GNU tar skip as many bytes as a link's header says; Go, libarchive and layerhook skip none
      if (streamed.some(({ type, size }) => size > 0 && !/file|directory/.test(type))) return;
      const gnu = byGnuTar(archive);
      if (gnu === undefined || !agree(streamed, gnu)) return;
      compared++;
      if (!agree(ours, gnu)) throw new Error(`${JSON.stringify(ours)}\n${JSON.stringify(gnu)}`);
    }),
    { numRuns: 250 },
  );
  t.true(compared > 40, `${compared} archives were compared`);
});

function agree(seen: Seen[], gnu: NonNullable<ReturnType<typeof byGnuTar>>): boolean {
  const entries = seen.map(({ name, type, size }) => ({
    name,
    type: alias(type),
    size: type === 'file' ? size : 0,
  }));
  const content = seen.map((entry) => (entry.type === 'file' ? entry.content : '')).join('');
  return JSON.stringify(entries) === JSON.stringify(gnu.entries) && content === gnu.content;
}

/** tar-stream's names of types, as ours. */
function alias(type: string): string {
  return { link: 'hardlink', 'character-device': 'char', 'block-device': 'block' }[type] ?? type;
}

test('an archive that Go reads is read like that, or refused', (t) => {
  const archives = fc.sample(fc.oneof(soundArchive, mutatedArchive, mutatedArchive), 4000);
  const go = byGo(archives, tmpdir(t));
  if (go === undefined) {
    t.log('SKIPPED: needs go');
    t.pass();
    return;
  }
  let compared = 0;
  for (const [i, archive] of archives.entries()) {
    const ours = byUs(archive);
    const theirs = go[i];
    if (ours === undefined || theirs === undefined) continue;
    compared++;
    const seen = theirs
      .filter(({ type }) => type !== 'g')
      .map((entry) => ({ ...entry, type: goTypes[entry.type]! }));
    const same = JSON.stringify(seen.map(comparable)) === JSON.stringify(ours.map(comparable));
    t.true(same, `${archive.toString('base64')}\n${JSON.stringify(ours)}\n${JSON.stringify(seen)}`);
  }
  t.true(compared > 400, `${compared} archives were compared`);
});

const goTypes: Record<string, string> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Go shows the header's size of entries that have no content. */
function comparable({ name, type, size, content }: Seen): unknown[] {
  return [name, type, type === 'file' ? size : 0, content];
}
