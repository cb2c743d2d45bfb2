import { chooseStore } from '../../config/store.js';
import { isLayerhookError } from '../../errors/index.js';
import { fromText } from '../../system/bytes.js';
import { filesystemOf } from '../../system/filesystem.js';
import { nearestDirectory } from '../../system/make-directory.js';
import { formatCounted } from '../../text/counted.js';
import { openChosenStore } from '../open-store.js';
import type { OperationOptions } from '../operation-options.js';
import { storeUsage } from '../store-usage.js';
import { type DoctorFinding, fine, lacking } from './finding.js';
import { checkKernel } from './kernel.js';
import { checkPrograms } from './programs.js';

/** Free space, in bytes, below which an image of usual size does not fit. */
const scarce = 2 ** 30;

/**
 * Looks at what layerhook can use on this machine, and at the layer store. Changes nothing.
 *
 * @throws LayerhookError as for reading hooks.toml
 */
export async function doctor(
  options: Pick<OperationOptions, 'store' | 'hooksFile'>,
): Promise<DoctorFinding[]> {
  const store = await checkStore(options);
  return [...checkKernel(store.directory), ...(await checkPrograms()), ...store.findings];
}

interface StoreFindings {
  /** the store's directory, or the nearest existing parent */
  directory: string;
  findings: DoctorFinding[];
}

async function checkStore(options: Pick<OperationOptions, 'store' | 'hooksFile'>): Promise<StoreFindings> {
  try {
    const { root, store } = await openChosenStore(options);
    const directory = nearestDirectory(root);
    if (store === null)
      return { directory, findings: [fine('layer store', `${root}: not made yet`), space(directory)] };
    try {
      return { directory, findings: [health(root, (await storeUsage(store)).layers), space(directory)] };
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!isLayerhookError(error)) throw error;
    const { root } = chooseStore({ store: options.store, config: null, env: process.env });
    const price = ['the drivers overlay, erofs and btrfs cannot be used', error.hint] as const;
    return {
      directory: '/',
      findings: [lacking('broken', 'layer store', `${root}: ${error.message}`, price)],
    };
  }
}

function health(root: string, layers: readonly { damaged?: unknown; missing?: unknown }[]): DoctorFinding {
  const bad = layers.filter(({ damaged, missing }) => damaged !== undefined || missing !== undefined);
  const all = formatCounted(layers.length, 'layers');
  if (bad.length === 0) return fine('layer store', `${root}: ${all}`);
  const found = `${root}: ${bad.length} of ${all} damaged or missing`;
  return lacking('broken', 'layer store', found, [
    'bundles of these layers have wrong files',
    'layerhook store verify names them; unpack their images into other bundles',
  ]);
}

function space(directory: string): DoctorFinding {
  const { type, free, freeInodes, inodes } = filesystemOf(fromText(directory));
  const found = `${(free / 2 ** 30).toFixed(1)} GiB on the file system of ${directory} (${type})`;
  if (free >= scarce && (inodes === 0 || freeInodes > 10_000)) return fine('free space', found);
  const what =
    free < scarce ? found : `${freeInodes} free inodes on the file system of ${directory} (${type})`;
  return lacking('broken', 'free space', what, [
    'images of usual size do not fit',
    'layerhook store gc frees layers, layerhook gc blobs of a layout; or name another place with --store',
  ]);
}
