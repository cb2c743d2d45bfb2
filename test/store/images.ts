import { writeFileSync } from 'node:fs';
import { tarAt } from '../../src/erofs/format.js';
import { ErofsImage } from '../../src/erofs/image.js';
import type { LayerExtraction, LayerIdentity, Store } from '../../src/store/types.js';
import { file } from '../../src/testing/entries.js';
import { entriesOf, listOf } from '../erofs/harness.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { extractFile, signal } from './helpers.js';

/** How a layer is kept: as a directory, or as an EROFS image. */
export const forms = ['directory', 'image'] as const;
export type Form = (typeof forms)[number];

/** Commits a layer as an EROFS image of these entries. */
export async function commitImage(
  extraction: LayerExtraction,
  entries: RawEntry[],
  options: Pick<Parameters<LayerExtraction['commit']>[0], 'parent' | 'dependencies'>,
): Promise<void> {
  const bytes = tar(entries);
  writeFileSync(extraction.image, Buffer.concat([Buffer.alloc(tarAt), bytes]));
  const image = new ErofsImage({
    ...{ lower: null, keepDirlinks: false, digest: 'sha256:0', warn: () => {} },
    map: { uidMappings: [], gidMappings: [], rootless: false },
  });
  await image.add(listOf(entriesOf(bytes)));
  await image.write(extraction.image);
  await extraction.commit({ ...options, erofs: { tarBytes: bytes.length, verity: true } });
}

/** Does the same as {@link extractFile}, in one of the forms. */
export async function extractAs(form: Form, store: Store, wanted: LayerIdentity, parent = ''): Promise<void> {
  if (form === 'directory') return extractFile(store, wanted, parent);
  const extraction = await store.extract(wanted, parent, { signal });
  if (extraction === null) throw new Error('it is there already');
  await commitImage(extraction, [file('file', wanted.diffID)], { parent, dependencies: [] });
}
