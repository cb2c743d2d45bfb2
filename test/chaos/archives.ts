/** What is tried under faults on archives of changes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { annotationsOf, script } from '../hooks/archive/setup.js';
import { large } from './image.js';
import { files, tags, type View } from './look.js';
import { lh, type Place, succeedIn } from './place.js';
import { image, layoutGc } from './prepared.js';
import type { Scenario } from './scenario.js';

/** The method `oci` moves a tag. */
function archiveTo({ root, layout }: Place, method: string): string {
  return method === 'oci' ? `${layout}:latest` : join(root, 'out/data');
}

/** The number of layers of the image: the new layer has the present time, and another digest in each run. */
function layerCount(place: Place): View {
  tags(place);
  const stat = lh('stat', '--json', '--image', `${place.layout}:latest`);
  const { manifest } = JSON.parse(succeedIn(place, stat)) as { manifest: { blob: { layers: unknown[] } } };
  return { layers: String(manifest.blob.layers.length) };
}

const archive = (method: string): Scenario => ({
  name: `archive_overlay ${method}`,
  prepare: (place) => {
    const { root } = place;
    image(place);
    for (const made of ['lower', 'upper', 'work', 'merged', 'out', 'bundle']) mkdirSync(join(root, made));
    writeFileSync(join(root, 'lower/a'), 'a');
    mkdirSync(join(root, 'upper/d'));
    writeFileSync(join(root, 'upper/d/large'), large);
    const to = { 'mount-point': '/data', 'archive-to': archiveTo(place, method), method };
    const annotations = annotationsOf({ data: { ...to, success: join(root, 'out/ok') } });
    const mounts = [{ destination: '/data', type: 'overlay', source: join(root, 'merged'), options: [] }];
    const config = { ociVersion: '1.0.2', annotations, mounts };
    writeFileSync(join(root, 'bundle/config.json'), JSON.stringify(config));
    // the first mount gives the upperdir a random attribute
    mountOverlay({ root });
  },
  begin: mountOverlay,
  command: ({ root }) => ({
    argv: [process.execPath, script, '--state-dir', join(root, 'state')],
    input: JSON.stringify({
      ...{ ociVersion: '1.0.2', id: 'box', status: 'stopped', pid: 0, bundle: join(root, 'bundle') },
    }),
  }),
  looks: [method === 'oci' ? layerCount : files('out/data'), files('out/ok')],
  gc: layoutGc,
  leaves: /^\/(out\/\.|state)/,
  // the next call refuses an archive that could not be recorded
  otherwise: /annot record /,
  // made by a hook that could not record it
  ...(method === 'copy' && { done: /is not an archive of layerhook/ }),
});

function mountOverlay({ root }: Pick<Place, 'root'>): void {
  const options = `lowerdir=${root}/lower,upperdir=${root}/upper,workdir=${root}/work`;
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, join(root, 'merged')]);
}

export const archives: readonly Scenario[] = ['copy', 'tar', 'oci'].map(archive);
