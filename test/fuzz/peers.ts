import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MtreeError } from 'mtree-ts';
import { isLayerhookError } from '../../src/errors/index.js';
import fc from '../helpers/properties.js';
import { mutatedArchive, soundArchive } from '../tar/mutate.js';
import { bare, byGnuTar } from '../tar/oracles.js';
import type { Target } from './targets.js';

/** What GNU tar and bsdtar list alike, layerhook lists alike, or refuses. @param read returns the names */
export function tarPeers(read: (input: Buffer) => string[]): Target {
  return {
    inputs: fc.oneof(soundArchive, mutatedArchive),
    needs: ['tar', 'bsdtar'],
    few: 40,
    run(input) {
      const ours = namesOf(() => read(input));
      if (ours === undefined) return false;
      const gnu = byGnuTar(input)?.entries.map(({ name }) => name);
      const bsd = gnu && byBsdtar(input);
      if (gnu === undefined || bsd === undefined || gnu.join('\n') !== bsd.join('\n')) return true;
      if (ours.join('\n') === gnu.join('\n')) return true;
      throw new Error(`layerhook lists ${JSON.stringify(ours)}, the others ${JSON.stringify(gnu)}`);
    },
  };
}

function namesOf(read: () => string[]): string[] | undefined {
  try {
    return read().map(bare);
  } catch (error) {
    const isTooLarge = error instanceof RangeError;
    if (isTooLarge || isLayerhookError(error)) return undefined;
    throw error;
  }
}

/** @returns undefined if bsdtar refuses the archive, or changes names to show them */
function byBsdtar(input: Buffer): string[] | undefined {
  const { status, stdout, stderr } = spawnSync('bsdtar', ['-tf', '-'], {
    input,
    env: { LC_ALL: 'C', PATH: process.env.PATH },
  });
  if (status !== 0 || stderr.length > 0) return undefined;
  const text = stdout.toString('latin1');
  return text.includes('\\') ? undefined : text.split('\n').slice(0, -1).map(bare);
}

const words = fc.constantFrom(
  'type=file',
  'type=dir',
  'size=3',
  'mode=0644',
  'uid=0',
  'optional',
  'link=x',
  'sha256=00',
);
const options = [
  {
    weight: 1,
    arbitrary: fc.array(words, { maxLength: 2 }).map((list) => ['/set', ...withoutType(list)].join(' ')),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '# comment', '/unset uid', '/unset all') },
];
const entry = (...names: string[]) => ({
  weight: 6,
  arbitrary: fc
    .tuple(fc.constantFrom(...names), fc.array(words, { maxLength: 3 }))
    .map(([path, list]) => [path, ...list].join(' ')),
});
/** Lines of relative or of full paths: readers differ about a relative name behind the full path of a directory. */
const lines = fc.oneof(
  fc.array(fc.oneof(entry('a', 'b', 'c', 'e'), { weight: 2, arbitrary: fc.constant('..') }, ...options), {
    maxLength: 12,
  }),
  fc.array(fc.oneof(entry('./x', './a', './a/b', './a/b/c'), ...options), { maxLength: 12 }),
);

function withoutType(list: string[]): string[] {
  return list.filter((word) => !word.startsWith('type='));
}

/** Returns a manifest of the lines, without `..` that leaves the root, at which the readers differ. */
function manifestOf(lines: string[]): Buffer {
  let depth = 0;
  const kept = lines.filter((text) => {
    if (text === '..') return depth > 0 && depth--;
    if (/ type=dir(?!.* type=)/.test(text) && !text.startsWith('.')) depth++;
    return true;
  });
  return Buffer.from(`#mtree\n. type=dir\n${kept.join('\n')}\n`);
}

/** What NetBSD's mtree reads, layerhook reads with the same paths, or refuses. @param read returns the paths */
export function mtreePeers(read: (input: Buffer) => string[]): Target {
  const directory = mkdtempSync(join(tmpdir(), 'layerhook-fuzz-'));
  const file = join(directory, 'spec');
  return {
    inputs: lines.map(manifestOf),
    needs: ['mtree'],
    few: 40,
    run(input) {
      let ours: string[];
      try {
        ours = read(input);
      } catch (error) {
        if (error instanceof MtreeError) return false;
        throw error;
      }
      writeFileSync(file, input);
      const { status, stdout } = spawnSync('mtree', ['-C', '-f', file, '-k', 'type'], { encoding: 'latin1' });
      if (status !== 0) return true;
      const theirs = stdout.split('\n').flatMap((text) => /^\.\/?(\S*)/.exec(text)?.[1] ?? []);
      const shown = ours.filter((path) => path !== '.');
      const sorted = (list: string[]) =>
        [...new Set(list)]
          .filter((path) => path !== '')
          .sort()
          .join('\n');
      if (sorted(shown) === sorted(theirs)) return true;
      throw new Error(`layerhook reads ${JSON.stringify(shown)}, mtree ${JSON.stringify(theirs)}`);
    },
    close: async () => rmSync(directory, { recursive: true }),
  };
}
