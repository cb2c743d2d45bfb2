import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { OverlayFormat } from '../../src/layer/overlay-marks.js';
import { upperdirChanges } from '../../src/overlay/changes/upperdir-changes.js';
import { tmpdir } from '../helpers/tmp.js';
import { settle } from '../layer/generate/edits.js';

export interface Mounted {
  /** where it is mounted */
  merged: string;
  upperdir: string;
  /** highest first */
  lowerdirs: string[];
  /** a path in the mount */
  at(name: string): string;
  /** a path in the upperdir */
  upper(name: string): string;
  /** sorted `kind path` rows of what the upperdir changes */
  changes(maskPaths?: string[]): Promise<string[]>;
}

type Fill = (at: (name: string) => string) => void;

export interface MountedOptions {
  /** mount options beside the directories; default: those of our own mounts */
  options?: string;
  format?: OverlayFormat;
  /** program that mounts; default: mount(8), the kernel's overlayfs */
  program?: 'mount' | 'fuse-overlayfs';
}

const ours = 'redirect_dir=off,metacopy=off,index=off';

/**
 * Mounts an overlay.
 *
 * @param lowers fill the lower layers, lowest first; afterwards all times get whole seconds in the past
 */
export function mounted(
  t: ExecutionContext<unknown>,
  lowers: Fill[],
  { options = ours, format = 'trusted', program = 'mount' }: MountedOptions = {},
): Mounted {
  const dir = tmpdir(t);
  const lowerdirs = lowers.map((fill, at) => {
    const lowerdir = join(dir, `lower${at}`);
    mkdirSync(lowerdir);
    fill((name) => join(lowerdir, name));
    settle(lowerdir);
    return lowerdir;
  });
  lowerdirs.reverse();
  const [upperdir, workdir, merged] = ['upper', 'work', 'merged'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [upperdir, workdir, merged]) mkdirSync(made);
  settle(upperdir);
  const directories = `lowerdir=${lowerdirs.join(':')},upperdir=${upperdir},workdir=${workdir}`;
  const all = options === '' ? directories : `${directories},${options}`;
  if (program === 'mount') execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', all, merged]);
  else execFileSync(program, ['-o', all, merged], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.teardown(() => void spawnSync('umount', ['-l', merged]));
  return {
    ...{ merged, upperdir, lowerdirs },
    at: (name) => join(merged, name),
    upper: (name) => join(upperdir, name),
    changes: async (maskPaths = []) => {
      const { changes } = await upperdirChanges({ upperdir, lowerdirs, format, maskPaths });
      return changes.map(({ kind, path }) => `${kind} ${path}`);
    },
  };
}

/** Runs a shell script in a directory. */
export function sh(cwd: string, script: string): string {
  return execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8' });
}
