import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { ImageConfig } from '../../src/image/types.js';
import { dir, file } from '../../src/testing/entries.js';
import { writeImage } from '../../src/testing/image.js';
import { tar } from '../../src/testing/tar.js';
import { tmpdir } from '../helpers/tmp.js';

/** The only layer of image:base. */
export const base = tar([file('etc/os-release', 'ID=test\n'), file('usr/share/doc/a', 'a')]);
const app = tar([dir('opt/app'), file('opt/app/main', 'hello\n')]);
const more = ['b', 'c', 'd'].map((name) => tar([file(name)]));

const forArchitecture = (architecture: string) => (config: ImageConfig) => {
  config.architecture = architecture;
};

/** Makes the layout, files and directories that the examples of `--help` and of docs/ name. */
export function fixture(t: ExecutionContext): string {
  const place = tmpdir(t);
  const layout = join(place, 'image');
  for (const tag of ['base', 'old', 'debian-12.1']) writeImage(layout, [base], { tag });
  writeImage(layout, [base, app], { tag: 'changed' });
  writeImage(layout, [base], { tag: 'web', config: { Labels: { a: 'b' } } });
  writeImage(layout, [tar([file('etc/os-release', 'ID=new\n')])], { tag: 'debian-12.2' });
  writeImage(layout, [base, ...more], { tag: 'app' });
  for (const architecture of ['amd64', 'arm64'])
    writeImage(layout, [base], { tag: architecture, edit: { config: forArchitecture(architecture) } });
  for (const directory of ['before', 'after', 'lower', 'upper', 'scratch', 'app'])
    mkdirSync(join(place, directory));
  for (const name of ['after/new', 'upper/new', 'app/main']) writeFileSync(join(place, name), 'new');
  writeFileSync(join(place, 'rootfs.tar'), base);
  writeFileSync(join(place, 'layer.tar'), app);
  const hook = '[[hook]]\npoint = "unpack.ociv1.layer.post-extract"\nexec = ["/bin/true"]\n';
  writeFileSync(join(place, 'hooks.toml'), hook);
  return place;
}

const functions = `
tag() { jq -r --arg tag "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag).digest' image/index.json; }
blob() { echo "image/blobs/\${1/://}"; }
layers() { jq '.layers | length' "$(blob "$(tag "$1")")"; }
export -f tag blob layers
`;

/** Commands that make bundles, an index, and a layer in the store that no bundle needs. */
export const setUp = (place: string) => `
cp -r ${place}/. .
layerhook index add --image image:multi image:amd64 image:arm64
layerhook unpack --driver erofs --image image:base erofs
layerhook bundle rm erofs
layerhook unpack --image image:base bundle
${functions}`;
