import { lstatSync, readlinkSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Tree } from '../../src/layer/apply/tree.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { applyOne } from '../layer/apply/harness.js';

/**
 * Whether layers can be extracted, and mean one thing: no loop of symlinks, and no layer that has one file under two names,
 * one of them through a symlink of a layer below, or replaces such a symlink: then what stands later in the tar counts, and
 * a layer that was extracted by itself cannot tell.
 */
export function isPossible(t: ExecutionContext<unknown>, layers: RawEntry[][]): boolean {
  const root = tmpdir(t);
  try {
    for (const entries of layers) {
      if (hasTwoNames(root, entries) || replacesItsLink(root, entries)) return false;
      applyOne(entries, root, new Tree(), [], {});
    }
    return true;
  } catch {
    return false;
  } finally {
    rmSync(root, { recursive: true });
  }
}

function hasTwoNames(root: string, entries: RawEntry[]): boolean {
  const names = entries.map(({ name }) => name.replace(/\.wh\.(\.wh\.\.opq)?/, ''));
  return names.some((a) =>
    names.some(
      (b) => isWithin(realPath(root, a), realPath(root, b)) && !isWithin(join('/', a), join('/', b)),
    ),
  );
}

function replacesItsLink(root: string, entries: RawEntry[]): boolean {
  return entries.some(({ name }) => {
    const path = name.replace(/\.wh\.(?!\.wh)/, '');
    const isLink = lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink();
    return isLink && entries.some((other) => other.name.startsWith(`${path}/`));
  });
}

function isWithin(path: string, dir: string): boolean {
  return dir === '/' || path === dir || path.startsWith(`${dir}/`);
}

/** Where a name leads on top of what is there, also if that is nowhere. @throws RangeError for a loop */
function realPath(root: string, name: string): string {
  const path = join('/', name);
  return path === '/' ? path : join(directoryOf(root, dirname(path)), basename(path));
}

function directoryOf(root: string, path: string): string {
  const real = realPath(root, path);
  const link = lstatSync(join(root, real), { throwIfNoEntry: false })?.isSymbolicLink();
  return link ? directoryOf(root, resolve(dirname(real), readlinkSync(join(root, real)))) : real;
}
