import { LayerhookError } from '../../errors/index.js';
import { overlayOptions } from '../../overlay/mount-options.js';
import { exists } from '../../system/exists.js';
import type { OverlayDirs } from '../../system/overlay-options.js';
import { isInUserNamespace } from '../../system/user-namespace.js';
import { type Context, chainOf, type Named } from '../context/context.js';
import { requireMountable } from '../context/untrusted.js';
import { mountImages } from '../erofs/mount-images.js';
import type { Kind, Mount } from '../types.js';

/** Implements Snapshotter's `mounts`. @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION, SNAPSHOT_BROKEN, SYSTEM */
export function mountsOfSnapshot(context: Context, key: string): Mount[] {
  const { db, client } = context;
  const chain = db.read((reader) => {
    const chain = chainOf(reader, client, key);
    requireMounts(chain[0]!);
    requireMountable(context, reader, chain);
    return chain;
  });
  const { kind } = chain[0]!;
  const contents = chain.map(({ content }) => content);
  mountImages(context, contents);
  if (kind === 'active') context.directories.restoreWork(contents[0]!);
  return mountsOf(context, kind, contents);
}

function requireMounts({ name, kind, lost }: Named): void {
  if (kind !== 'committed' || lost) return;
  const reason = 'it is committed: only active snapshots and views have mounts';
  throw new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason });
}

/**
 * Returns the mounts of a snapshot, in the form of containerd's overlay snapshotter.
 *
 * @param chain contents, the snapshot's own first
 */
export function mountsOf({ directories, overlayFlags }: Context, kind: Kind, chain: string[]): Mount[] {
  const [own, ...below] = chain as [string, ...string[]];
  const lowerdirs = below.map((content) => directories.fs(content));
  const upperdir = directories.fs(own);
  if (kind === 'active') {
    if (lowerdirs.length === 0) return [bind(upperdir, 'rw')];
    return [overlay({ workdir: directories.work(own), upperdir, lowerdirs }, overlayFlags)];
  }
  if (lowerdirs.length <= 1) return [bind(lowerdirs[0] ?? upperdir, 'ro')];
  return [overlay({ lowerdirs }, overlayFlags)];
}

function bind(source: string, access: 'ro' | 'rw'): Mount {
  return { type: 'bind', source, target: '', options: [access, 'rbind'] };
}

function overlay(dirs: OverlayDirs, flags: string[]): Mount {
  const options = [...overlayOptions(dirs), ...flags];
  return { type: 'overlay', source: 'overlay', target: '', options };
}

/** Returns the mount options that every overlay of a store needs on this kernel and for this user. */
export function neededOverlayFlags(): string[] {
  return [
    ...(isInUserNamespace() ? ['userxattr'] : []),
    // With index=on, which may be the kernel's default, several overlays could not share a lowerdir.
    ...(exists('/sys/module/overlay/parameters/index') ? ['index=off'] : []),
  ];
}
