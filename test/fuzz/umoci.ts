import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import { unpackRootfs } from '../../src/engine/image/unpack-rootfs.js';
import { unmapped } from '../../src/engine/operation.js';
import { isLayerhookError } from '../../src/errors/index.js';
import type { MapOptions } from '../../src/layer/types.js';
import { removeTree } from '../../src/system/remove.js';
import { TarReader } from '../../src/tar/index.js';
import { diffTrees, readTree, type Tree } from '../../src/testing/tree.js';
import { writeImage } from '../helpers/image.js';
import fc from '../helpers/properties.js';
import { tar } from '../helpers/tar.js';
import { testRoot } from '../helpers/tmp.js';
import { anyLayers, modelTree } from '../overlay/any-layers.js';
import { mutatedArchive, soundArchive } from '../tar/mutate.js';
import { sourceOf } from '../tar/read.js';
import type { Target } from './targets.js';

/** Layers that layerhook accepts most of the time, since a refusal compares nothing. */
const layers = fc.oneof(
  {
    weight: 3,
    arbitrary: anyLayers()
      .filter((images) => modelTree(images) !== null)
      .map((images) => images.map((entries) => tar(entries))),
  },
  { weight: 1, arbitrary: fc.array(soundArchive, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: mutatedArchive.map((archive) => [archive]) },
);

/** What umoci unpacks, layerhook unpacks to the same tree, or refuses. Differences of {@link known} are left out. */
export function umociPeer({ rootless }: { rootless: boolean }): Target {
  const root = mkdtempSync(join(testRoot, 'layerhook-fuzz-'));
  let count = 0;
  return {
    inputs: layers.map(pack),
    needs: ['umoci'],
    few: 20,
    async run(input) {
      const place = join(root, String(count++));
      try {
        return await compare(place, unpackInput(input), rootless);
      } finally {
        removeTree(place);
      }
    },
    close: async () => rmSync(root, { recursive: true }),
  };
}

async function compare(place: string, tars: Buffer[], rootless: boolean): Promise<boolean> {
  const { reference } = writeImage(join(place, 'layout'), tars, { compression: 'none' });
  const ours = await byLayerhook(reference, join(place, 'ours'), rootless);
  if (ours === null) return false;
  const start = Date.now() / 1000 - 1;
  const theirs = byUmoci(reference, join(place, 'theirs'), rootless);
  if (theirs === null || hidesThroughLink(tars)) return true;
  const differences = diffTrees(ours, theirs, (path, field) => isKnown({ ours, theirs, start }, path, field));
  if (differences.length > 0) throw new Error(`layerhook / umoci:\n${differences.join('\n')}`);
  return true;
}

/**
 * True for layers with a whiteout or opaque marker below a symlink. docs/security.md names the difference: umoci follows the
 * symlink when it comes to the marker; layerhook at the end of the layer, which may have replaced the symlink meanwhile.
 */
function hidesThroughLink(tars: Buffer[]): boolean {
  const entries = tars.flatMap(headersOf);
  const links = new Set(entries.filter(({ type }) => type === 'symlink').map(({ name }) => clean(name)));
  return entries.some(({ name }) => {
    const parts = clean(name).split('/');
    if (!parts.at(-1)!.startsWith('.wh.')) return false;
    return parts.some((_, at) => links.has(parts.slice(0, at).join('/')));
  });
}

function headersOf(bytes: Buffer): { name: string; type: string }[] {
  const reader = new TarReader(sourceOf(bytes));
  const headers: { name: string; type: string }[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next())
    headers.push({ name: entry.name, type: entry.type });
  return headers;
}

const clean = (name: string) => posix.join('/', name).replace(/^\/|\/$/g, '');

interface Unpacked {
  ours: Tree;
  theirs: Tree;
  /** seconds */
  start: number;
}

/**
 * True for a difference that docs/security.md names.
 *
 * - Directories without an entry: layerhook gives them mode 0755, owner 0:0 and time 0, also where a whiteout hides a directory
 *   of the same name. umoci leaves what mkdir(2) makes, with the group and the setgid bit of a setgid parent, or the
 *   hidden directory.
 * - umoci gives a directory the present time when it makes a directory without an entry in it.
 */
function isKnown({ ours, theirs, start }: Unpacked, path: string, field: string): boolean {
  const [made, other] = [ours.get(path), theirs.get(path)];
  if (made?.type !== 'dir' || other?.type !== 'dir') return false;
  const isImplicit =
    made.mode === '0755' && made.owner === '0:0' && made.mtime === '0.000000000' && made.xattrs === undefined;
  return isImplicit || (field === 'mtime' && Number(other.mtime) >= start);
}

async function byLayerhook(image: string, rootfs: string, rootless: boolean): Promise<Tree | null> {
  try {
    await unpackRootfs({ image, rootfs, map: rootless ? ownMap() : unmapped });
    return readTree(rootfs);
  } catch (error) {
    if (isLayerhookError(error)) return null;
    throw error;
  }
}

function byUmoci(image: string, rootfs: string, rootless: boolean): Tree | null {
  const args = ['raw', 'unpack', ...(rootless ? ['--rootless'] : []), '--image', image, rootfs];
  return spawnSync('umoci', args).status === 0 ? readTree(rootfs) : null;
}

/** The map of `--rootless`. */
function ownMap(): MapOptions {
  const own = (hostID: number) => [{ containerID: 0, hostID, size: 1 }];
  return { uidMappings: own(process.geteuid!()), gidMappings: own(process.getegid!()), rootless: true };
}

/** One input holds all layers, so that a failure can be repeated from it. */
function pack(tars: Buffer[]): Buffer {
  return Buffer.from(JSON.stringify(tars.map((bytes) => bytes.toString('base64'))));
}

function unpackInput(input: Buffer): Buffer[] {
  return (JSON.parse(input.toString()) as string[]).map((text) => Buffer.from(text, 'base64'));
}
