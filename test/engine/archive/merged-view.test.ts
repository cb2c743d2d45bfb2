import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ArchiveRequest, archiveUpperdir } from '../../../src/engine/archive/archive.js';
import { isDigest } from '../../../src/image/digest.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import { mounted, sh } from '../../overlay/mounted.js';

rootTest('the view of all layers is mounted nowhere, so that a killed archive leaves no mount', async (t) => {
  const fill = (at: (name: string) => string) => {
    mkdirSync(at('old'));
    writeFileSync(join(at('old'), 'file'), 'content');
  };
  const overlay = mounted(t, [fill], { options: 'redirect_dir=on,metacopy=on,index=off' });
  sh(overlay.merged, 'mv old new; chmod 700 new/file; echo x > other');
  const { reference } = buildImage(t, [[{ name: 'base', content: 'a' }]]);
  const request: ArchiveRequest = {
    ...{ state: { id: 'box' }, name: 'data', key: 'k', mountPoint: '/data', owner: '', replace: false },
    ...{ upperdir: overlay.upperdir, lowerdirs: overlay.lowerdirs, destination: reference },
    overlay: 'trusted',
    method: 'oci',
    whiteout: 'overlay',
  };
  // other tests mount overlays of theirs
  const mounts = () => mountsOf(overlay.upperdir);
  const before = mounts();
  const during = new Set<string>();
  const onProgress = () => {
    for (const mount of mounts()) during.add(mount);
  };
  const { entries } = await archiveUpperdir(request, { hooksFile: null, onProgress });
  t.true(during.size > 0);
  t.deepEqual([...during].sort(), before);
  t.is(entries, 4);
  const [path] = reference.split(/:(?=[^/]*$)/) as [string];
  const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'));
  t.true(isDigest(index.manifests[0].digest));
});

/** Returns the mounts that use a directory. */
function mountsOf(directory: string): string[] {
  const rows = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return rows.filter((row) => row.includes(directory)).sort();
}
