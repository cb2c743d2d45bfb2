import { mkdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Tree } from '../../src/layer/apply/tree.js';
import { type FixUpResult, fixUpLayer } from '../../src/overlay/fix-up/fix-up.js';
import { LowerTree } from '../../src/overlay/lower-tree.js';
import { fromText } from '../../src/system/bytes.js';
import { mountOverlay, unmount } from '../../src/system/mount.js';
import { emptyDirectory } from '../../src/system/remove.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { applyOne } from '../layer/apply/harness.js';

export interface Stack {
  /** the layers, each extracted independently, fixed up, and mounted */
  merged: string;
  /** the layers extracted into one directory, one after the other */
  plain: string;
  /** directories of the layers, lowest first */
  layers: string[];
  /** what each took from below */
  dependencies: FixUpResult[];
  remove(): void;
}

const map = { uidMappings: [], gidMappings: [], rootless: false };

/** Extracts layers both ways. */
export function stack(
  t: ExecutionContext<unknown>,
  tars: RawEntry[][],
  { keepDirlinks = false } = {},
): Stack {
  const base = tmpdir(t);
  const make = (name: string) => {
    const path = join(base, name);
    mkdirSync(path, { mode: 0o755 });
    utimesSync(path, 0, 0);
    return path;
  };
  const [merged, plain, empty] = [make('merged'), make('plain'), make('empty')];
  const dependencies: Stack['dependencies'] = [];
  const layers: string[] = [];
  for (const [i, entries] of tars.entries()) {
    const directory = make(`layer${i}`);
    const lower = LowerTree.open(layers.toReversed(), 'trusted');
    const extract = (lowerdirs?: readonly string[]) => {
      const given = { whiteouts: 'overlay', keepDirlinks, ...(lowerdirs && { lowerdirs }) } as const;
      const { unsettled } = applyOne(entries, directory, new Tree(), [], given);
      return fixUpLayer({ directory, unsettled, lower, xattr: 'trusted', map });
    };
    const fixedUp = extract();
    if (fixedUp === null) {
      emptyDirectory(directory);
      extract(lower?.directories ?? []);
    }
    dependencies.push(fixedUp ?? { dependencies: null });
    layers.push(directory);
    applyOne(entries, plain, new Tree(), [], { keepDirlinks });
  }
  const lowerdirs = [...layers.toReversed(), empty].map(fromText);
  mountOverlay({ lowerdirs, options: ['redirect_dir=off', 'metacopy=off', 'index=off'] }, fromText(merged));
  const remove = () => {
    unmount(fromText(merged));
    rmSync(base, { recursive: true, force: true });
  };
  t.teardown(remove);
  return { merged, plain, layers, dependencies, remove };
}
