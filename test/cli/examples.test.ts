/** Each example of `--help` runs as it stands, in a directory and on a machine that have what it names. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { commands } from '../../src/cli/commands/index.js';
import { listReference, programExamples } from '../../src/cli/reference/walk.js';
import type { ImageConfig } from '../../src/image/types.js';
import { dir, file } from '../../src/testing/entries.js';
import { sha256, writeImage } from '../../src/testing/image.js';
import { tar } from '../../src/testing/tar.js';
import { startRegistry } from '../e2e/registry.js';
import { ownHome, runSteps } from '../helpers/own-machine.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { checks } from './examples.js';

const base = tar([file('etc/os-release', 'ID=test\n'), file('usr/share/doc/a', 'a')]);
const app = tar([dir('opt/app'), file('opt/app/main', 'hello\n')]);
const more = ['b', 'c', 'd'].map((name) => tar([file(name)]));

const forArchitecture = (architecture: string) => (config: ImageConfig) => {
  config.architecture = architecture;
};

/** Makes what the examples name. Tests below know its layers and files. */
function fixture(t: ExecutionContext): string {
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
const setUp = (place: string) => `
cp -r ${place}/. .
layerhook index add --image image:multi image:amd64 image:arm64
layerhook unpack --driver erofs --image image:base erofs
layerhook bundle rm erofs
layerhook unpack --image image:base bundle
${functions}`;

async function examples(): Promise<string[]> {
  const reference = await listReference(commands);
  return [...new Set([...programExamples, ...reference.flatMap(({ spec }) => spec?.examples ?? [])])];
}

test('each example is checked', async (t) => {
  t.deepEqual(Object.keys(checks).sort(), (await examples()).sort());
});

test('each example runs', async (t) => {
  if (!requires(t, 'root', 'docker-registry', 'skopeo', 'jq', 'runc', 'tar')) return;
  const registry = await startRegistry(t);
  const place = fixture(t);
  const debian = `docker://${registry.host}/library/debian:12`;
  const copy = ['copy', '--quiet', '--dest-tls-verify=false', `oci:${place}/image:base`, debian];
  execFileSync('skopeo', copy);
  const layer = sha256(base).replace('sha256:', '').slice(0, 12);
  const lines = await examples();
  const steps = lines.map((line) => {
    const { before, after, ending = (same: string) => same } = checks[line]!;
    return { before, after, line: ending(line).replace('0123456789ab', layer) };
  });
  const outputs = await runSteps(t, { setUp: setUp(place), steps, env: ownHome(t, registry.host) });
  const prints = (line: string) => checks[line]!.prints ?? /^$/;
  const odd = lines.flatMap((line, at) => (prints(line).test(outputs[at]!) ? [] : [[line, outputs[at]]]));
  t.deepEqual(odd, []);
});
