import { existsSync, mkdtempSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { mountBundle, unmountBundle } from '../../engine/bundle/mount.js';
import { removeBundle } from '../../engine/bundle/remove.js';
import { type RepackOptions, type RepackResult, repack } from '../../engine/repack/repack.js';
import type { UnpackOptions, UnpackResult } from '../../engine/unpack/options.js';
import { unpack } from '../../engine/unpack/unpack.js';
import { isLayerhookError } from '../../errors/index.js';
import type { Driver } from '../../points/points.js';
import { fromText } from '../../system/bytes.js';
import { unmount } from '../../system/mount.js';
import { type MountInfo, mountsBelow, readMountInfo } from '../../system/mountinfo.js';
import { removeTree } from '../../system/remove.js';
import { type CaseWords, conformanceCase, expect } from '../case.js';
import { type BuiltImage, type ImageOptions, type RawLayer, writeImage } from '../image.js';
import { readTree, type Tree } from '../tree.js';
import type { DriverCase, DriverHarness } from './harness.js';

export interface MadeBundle extends UnpackResult {
  rootfs: string;
  image: BuiltImage;
  tree(): Tree;
}

export type UnpackMore = Partial<
  Pick<
    UnpackOptions,
    'bundle' | 'driver' | 'hooks' | 'keepDirlinks' | 'map' | 'signal' | 'mtree' | 'onProgress'
  >
>;
export type RepackMore = Partial<Omit<RepackOptions, 'image' | 'bundle'>> & { tag?: string };

/** Creates images and bundles with the driver for one case, and removes them afterwards. */
export class Workshop {
  readonly directory: string;
  readonly #harness: DriverHarness;
  readonly #store: string;
  readonly #bundles = new Set<string>();
  readonly #mountsBefore: number;
  #made = 0;

  constructor(harness: DriverHarness, directory: string) {
    this.#harness = harness;
    this.directory = directory;
    this.#store = resolve(harness.store ?? join(directory, 'store'));
    this.#mountsBefore = this.mounts().length;
  }

  /** Returns a new path where no file exists. */
  path(name: string): string {
    return join(this.directory, `${name}-${this.#made++}`);
  }

  image(layers: RawLayer[], options?: ImageOptions): BuiltImage {
    return writeImage(this.path('layout'), layers, options);
  }

  async unpack(image: BuiltImage | RawLayer[], more: UnpackMore = {}): Promise<MadeBundle> {
    const built = Array.isArray(image) ? this.image(image) : image;
    const bundle = more.bundle ?? this.path('bundle');
    this.#bundles.add(bundle);
    const result = await unpack({
      ...this.#choice(),
      mtree: 'never',
      image: built.reference,
      ...more,
      bundle,
    });
    const rootfs = join(bundle, 'rootfs');
    return { ...result, rootfs, image: built, tree: () => readTree(rootfs) };
  }

  /** Repacks into the layout of the bundle's image; by default without compression. */
  repack(
    { bundle, image }: MadeBundle,
    { tag = image.tag, ...more }: RepackMore = {},
  ): Promise<RepackResult> {
    const target = `${image.layout}:${tag}`;
    return repack({
      ...this.#choice(),
      maskVolumes: false,
      compress: 'none',
      ...more,
      image: target,
      bundle,
    });
  }

  /** Returns the current mounts in the case's directory and in the driver's store. */
  mounts(): MountInfo[] {
    const mounts = readMountInfo();
    const inside = mountsBelow(fromText(this.directory), mounts);
    const store = mountsBelow(fromText(this.#store), mounts);
    return [...inside, ...store.filter((mount) => !inside.includes(mount))];
  }

  /** @throws AssertionError if a bundle or a trace of it exists */
  assertGone(bundle: string): void {
    const names = readdirSync(dirname(bundle)).filter((name) => name.includes(basename(bundle)));
    expect(names.length === 0, `left behind: ${names.join(', ')}`);
    const mounts = this.mounts().filter(({ mountPoint }) => mountPoint.startsWith(fromText(bundle)));
    expect(mounts.length === 0, `left mounted: ${mounts.map(({ mountPoint }) => mountPoint).join(', ')}`);
  }

  /** Does the same as {@link assertGone}, and requires the same number of mounts as before the case. */
  assertNothingLeft(bundle: string): void {
    this.assertGone(bundle);
    const mounts = this.mounts().map(({ mountPoint, type }) => `${mountPoint} (${type})`);
    expect(mounts.length === this.#mountsBefore, `left mounted: ${mounts.join(', ')}`);
  }

  /** True if an unpack refused an entry of a layer. A program has no error codes: its last line names the entry. */
  isRefusal(error: unknown): boolean {
    if (isLayerhookError(error, 'LAYER_ENTRY')) return true;
    const isProgram = this.#harness.hooksFile !== undefined;
    return isProgram && isLayerhookError(error, 'HOOK_FAILED') && error.message.includes(': entry ');
  }

  /** Returns the driver as an object, for several operations; undefined for a program, which keeps nothing between calls. */
  async driverObject(): Promise<Driver | undefined> {
    const { driver, driverOptions, hooksFile } = this.#harness;
    if (hooksFile !== undefined || typeof driver === 'object') return driver as Driver | undefined;
    const { loadDriver } = await import('../../engine/driver.js');
    return loadDriver({ name: driver ?? 'copy', options: { store: this.#store, ...driverOptions } });
  }

  async remove(bundle: string): Promise<void> {
    await removeBundle({ ...this.#choice(), bundle });
    this.#bundles.delete(bundle);
  }

  mount(bundle: string): Promise<unknown> {
    return mountBundle({ ...this.#choice(), bundle });
  }

  umount(bundle: string): Promise<unknown> {
    return unmountBundle({ ...this.#choice(), bundle });
  }

  async close(): Promise<void> {
    try {
      for (const bundle of [...this.#bundles]) if (existsSync(bundle)) await this.remove(bundle);
    } finally {
      const left = mountsBelow(fromText(this.directory)).reverse();
      for (const { mountPoint } of left) unmount(mountPoint, { detach: true });
      removeTree(this.directory);
    }
  }

  #choice() {
    const { driver, driverOptions, hooksFile = null } = this.#harness;
    return { driver, driverOptions, store: this.#store, hooksFile };
  }
}

/** Calls `use` with a workshop, and removes everything that was created with it. */
export async function withWorkshop<T>(
  harness: DriverHarness,
  use: (workshop: Workshop) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(realpathSync(await harness.scratch()), 'case-'));
  const workshop = new Workshop(harness, directory);
  try {
    return await use(workshop);
  } finally {
    await workshop.close();
  }
}

/** Creates a case that makes bundles. */
export function driverCase({
  run,
  ...words
}: CaseWords & { run: (workshop: Workshop) => Promise<void> }): DriverCase {
  return conformanceCase(words, (harness: DriverHarness) => withWorkshop(harness, run));
}
