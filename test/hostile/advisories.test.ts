/** One test for each advisory of this family: no target that takes the layer touches, reads or leaks a file of the host. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { archiveUpperdir } from '../../src/engine/archive/archive.js';
import { unpackRootfs } from '../../src/engine/image/unpack-rootfs.js';
import { insertLayer } from '../../src/engine/repack/insert.js';
import { overlayTar } from '../../src/engine/unpack/overlay-tar.js';
import { isLayerhookError } from '../../src/errors/index.js';
import { toBuffer } from '../../src/system/bytes.js';
import { silentLogger } from '../../src/system/logger.js';
import { removeTree } from '../../src/system/remove.js';
import { Outside } from '../../src/testing/driver/hostile.js';
import { type MadeBundle, type Workshop, withWorkshop } from '../../src/testing/driver/workshop.js';
import { LayerModel, readTree, type Tree } from '../../src/testing/index.js';
import { mountBtrfs } from '../drivers/btrfs/loop.js';
import { type RawLayer, writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tar } from '../helpers/tar.js';
import { diffTrees } from '../helpers/tree.js';
import { type Advisory, advisories } from './advisories.js';

const drivers = ['copy', 'overlay', 'erofs', 'btrfs'];
const secret = 'a secret of the host';
const unmapped = { uidMappings: [], gidMappings: [], rootless: false };

let mounted: { directory: string; mountpoint: string; unmount: () => void } | undefined;
test.after.always('unmount', () => {
  mounted?.unmount();
  if (mounted) removeTree(mounted.directory);
});

/** A btrfs, on which all drivers work, for all tests. */
function place(): string {
  if (mounted === undefined) {
    const directory = mkdtempSync('/dev/shm/layerhook-test-');
    mounted = { directory, ...mountBtrfs(directory) };
  }
  return mounted.mountpoint;
}

for (const advisory of advisories) {
  test.serial(`${advisory.ids[0]} (${advisory.of}): ${advisory.what}`, async (t) => {
    if (!requires(t, 'root', 'loop-btrfs', 'mkfs.btrfs')) return;
    const base = place();
    for (const driver of drivers) {
      const harness = {
        driver,
        store: join(base, `store-${driver}`),
        scratch: () => mkdtempSync(join(base, 'scratch-')),
      };
      await withWorkshop(harness, (workshop) => attack(workshop, advisory, driver));
    }
    t.pass();
  });
}

/** @throws Error that says what escaped, and through which target */
async function attack(workshop: Workshop, advisory: Advisory, driver: string): Promise<void> {
  const outside = new Outside(workshop.path('outside'));
  const layers = advisory.layers(outside.directory);
  const image = workshop.image(layers, {
    compression: 'none',
    ...(advisory.blob && { blob: advisory.blob }),
  });
  const by = async (target: string, act: () => unknown) => {
    try {
      await act();
      outside.assertUntouched();
    } catch (error) {
      throw new Error(`${advisory.ids[0]} by ${target}: ${(error as Error).message}`, { cause: error });
    }
  };
  let bundle: MadeBundle | null = null;
  await by(`driver ${driver}`, async () => {
    bundle = await refusedOr(() => workshop.unpack(image, { mtree: driver === 'copy' ? 'always' : 'never' }));
    checkTree(advisory, layers, bundle && (bundle as MadeBundle).tree());
  });
  // the other drivers read their changes as the overlay driver does
  if (bundle !== null && (driver === 'copy' || driver === 'overlay')) {
    await by(`repack of driver ${driver}`, () => repack(workshop, bundle!));
  }
  if (driver !== 'copy') return;
  const rootfs = workshop.path('rootfs');
  await by('raw unpack', () => refusedOr(() => unpackRootfs({ image: image.reference, rootfs })));
  await by('raw overlay-tar', () => refusedOr(() => convert(workshop, layers)));
  if (!existsSync(rootfs)) return;
  await by('insert', () => insert(workshop, rootfs));
  for (const method of ['copy', 'oci'] as const)
    await by(`archive_overlay, method ${method}`, () => archive(workshop, rootfs, method));
}

/** @returns null if the act was refused with a typed error about the image */
async function refusedOr<T>(act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    const codes = ['LAYER_ENTRY', 'TAR_INVALID', 'LIMIT_EXCEEDED', 'COMPRESSION_CORRUPT'] as const;
    if (codes.some((code) => isLayerhookError(error, code))) return null;
    throw error;
  }
}

/** Compares with the model, or with what the advisory says. */
function checkTree({ result }: Advisory, layers: RawLayer[], tree: Tree | null): void {
  if (result === 'refused' || tree === null) {
    if (tree !== null) throw new Error('the image was unpacked');
    if (result !== undefined && result !== 'refused') throw new Error('the image was refused');
    return;
  }
  for (const [path, { type, size }] of tree)
    if (type === 'file' && size === secret.length) throw new Error(`${path} has the size of the canary`);
  if (typeof result === 'object') {
    const names = [...tree.keys()].filter((path) => path !== '.' && !path.includes('/')).sort();
    if (names.join() !== result.join()) throw new Error(`the rootfs has ${names.join()}`);
    return;
  }
  const differences = diffTrees(LayerModel.of(layers).tree(), tree);
  if (differences.length > 0) throw new Error(`the rootfs is another: ${differences.join('; ')}`);
}

/** Changes the rootfs with more links to the host, and repacks: the new layer has none of its bytes. */
async function repack(workshop: Workshop, bundle: MadeBundle): Promise<void> {
  symlinkSync('/', join(bundle.rootfs, 'link-of-the-container'));
  await workshop.repack(bundle, { tag: 'repacked' });
  requireNoSecret(bundle.image.layout);
}

async function convert(workshop: Workshop, layers: RawLayer[]): Promise<void> {
  const bytes = Buffer.concat(layers.slice(-1).map((layer) => (Buffer.isBuffer(layer) ? layer : tar(layer))));
  const scratch = workshop.path('scratch');
  mkdirSync(scratch);
  const options = {
    source: Readable.from([bytes]),
    lowerdirs: [],
    scratch,
    map: unmapped,
    keepDirlinks: false,
    log: silentLogger,
  };
  for await (const piece of overlayTar(options))
    if (piece.includes(secret)) throw new Error('the tar has the canary');
  if (readdirSync(scratch).length > 0) throw new Error('litter in the scratch directory');
}

async function insert(workshop: Workshop, source: string): Promise<void> {
  const { layout, reference } = writeImage(workshop.path('layout'), [[{ name: 'base' }]], {
    compression: 'none',
  });
  await insertLayer({ image: reference, source, target: '/in', compress: 'none' });
  requireNoSecret(layout);
}

async function archive(workshop: Workshop, upperdir: string, method: 'copy' | 'oci'): Promise<void> {
  const { layout } = writeImage(workshop.path('layout'), [[{ name: 'base' }]], { compression: 'none' });
  const to = join(workshop.path('out'));
  mkdirSync(to);
  const destination = method === 'oci' ? `${layout}:latest` : join(to, 'archive');
  await archiveUpperdir(
    {
      ...{ state: { id: 'box' }, name: 'a', key: 'k', mountPoint: '/data', upperdir, lowerdirs: [] },
      ...{ overlay: 'trusted', destination, method, whiteout: 'oci', owner: '', replace: false },
    },
    { hooksFile: null },
  );
  requireNoSecret(method === 'oci' ? layout : to);
}

function requireNoSecret(directory: string): void {
  for (const [path, { type }] of readTree(directory)) {
    if (type === 'file' && readFileSync(toBuffer(`${directory}/${path}`)).includes(secret))
      throw new Error(`${path} has the canary`);
  }
}
