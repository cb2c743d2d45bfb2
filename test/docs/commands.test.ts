/** The blocks of shell commands in the documents: each runs as it stands, here or in the test that is named here. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import { fixture, setUp } from '../cli/examples-fixture.js';
import { ownHome, runSteps, type Step } from '../helpers/own-machine.js';
import { requires } from '../helpers/requires.js';

interface Check extends Omit<Step, 'line'> {
  /** converts the block to commands, if it is something else */
  line?: (text: string) => string;
}

const units = resolve('docs/examples');
const isConfigured = 'grep -q layerhook/snapshotter.sock /etc/containerd/config.toml';
/** Starts the server that `ctk snapshotter status` asks; if the test fails, the server ends by itself. */
const served = `timeout 60 layerhook snapshotter serve &
echo $! > ../server
until [ -S /run/layerhook/snapshotter.sock ]; do sleep 0.05; done`;
const asUmoci = { after: 'umoci --version | grep -q "^umoci version"; rm "$(command -v umoci)"' };
const isInstalled = '/usr/local/bin/layerhook-runtime --version | grep -q runc';

/** Runs a hook program of docs/hook-protocol.md with the hooks.toml that follows it, for a layer that is small enough. */
const runSmallLayers = (program: string) => `
mkdir -p /usr/local/libexec
cat > /usr/local/libexec/small-layers << 'END'
${program}END
chmod +x /usr/local/libexec/small-layers
cat > hooks.toml << 'END'
${/```toml\n([\s\S]*?)```/.exec(readFileSync('docs/hook-protocol.md', 'utf8'))![1]}END
layerhook --hooks hooks.toml unpack --image image:base new
sed -i s/20000000/2/ hooks.toml
! layerhook --hooks hooks.toml unpack --image image:base large 2> error
grep -q "exit status 1: a layer of [0-9]* bytes is too large" error
`;

/** Blocks by document and the start of their first line. A string names the test that runs the block, or the reason for none. */
const blocks: Readonly<Record<string, Readonly<Record<string, Check | string>>>> = {
  'README.md': {
    'npm ci && npm run demo': 'test/demo/demo.test.ts',
    'npm ci && npm test': '.ci/run',
    'npm ci && npm run build': '.ci/run',
    'apt-get install': 'test/docs/stories.test.ts',
    'layerhook unpack --image images:debian patch': 'test/docs/stories.test.ts',
    'for name in web1 web2 web3': 'test/docs/stories.test.ts',
    'layerhook hooks new mystore': 'test/docs/stories.test.ts',
    'layerhook unpack --driver overlay --image images:debian warm': 'test/docs/stories.test.ts',
    'layerhook hooks install archive-overlay\nname=': 'test/docs/stories.test.ts',
    '#!/bin/sh': 'test/cli/readme.test.ts',
    'systemctl enable --now layerhook-snapshotter': { after: isConfigured },
    'docker run --rm --runtime=layerhook IMAGE': 'test/ctk/engines.test.ts',
    'layerhook ctk config': { after: `grep -q default-runtime /etc/docker/daemon.json; ${isInstalled}` },
    'layerhook hooks install archive-overlay\npodman run': 'test/hooks/archive/engines.test.ts',
    'ln -s layerhook': asUmoci,
  },
  'docs/drivers.md': { '': 'test/docs/drivers.test.ts' },
  'docs/hook-protocol.md': { '#!/bin/sh\n# exec': { line: runSmallLayers } },
  'docs/layers.md': {
    'layerhook flatten': { after: 'test $(layers flat) = 1; test $(layers small) = 3' },
    'layerhook rebase': { after: 'test $(layers app-12.2) = 4' },
    'layerhook export': {
      before: 'mkdir -p /srv/app; gzip --keep rootfs.tar',
      after: 'test -f /srv/app/etc/os-release; test $(layers debian) = 1',
    },
  },
  'docs/runtime.md': { 'layerhook ctk config': { after: isInstalled } },
  'docs/snapshotter.md': {
    'layerhook snapshotter serve': 'test/cli/examples.test.ts',
    'layerhook ctk snapshotter configure': {
      before: served,
      after: `kill $(cat ../server); ${isConfigured}`,
    },
    'cp layerhook-snapshotter.service': { before: `cp ${units}/*.s* .`, after: isConfigured },
  },
  'docs/umoci.md': {
    'ln -s layerhook': asUmoci,
    'cd umoci': 'it needs a clone of umoci',
  },
  'src/mtree/README.md': { 'npm install mtree-ts': 'it needs a registry' },
};

/** Programs of other machines: they do what the block needs of them. */
const programs = {
  systemctl: '#!/bin/sh\n',
  npm: '#!/bin/sh\ndirname "$(dirname "$(command -v layerhook)")"\n',
  curl: '#!/bin/sh\ncat rootfs.tar.gz\n',
  ssh: '#!/bin/sh\nexec sh -c "$2"\n',
};

/** Returns the blocks of a document. */
function blocksOf(document: string): string[] {
  return [...readFileSync(document, 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!);
}

function checkOf(document: string, text: string): Check | string {
  const [, check] = Object.entries(blocks[document] ?? {}).find(([start]) => text.startsWith(start)) ?? [];
  if (check === undefined) throw new Error(`no check of a block of ${document}:\n${text}`);
  return check;
}

const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'src/mtree/README.md'];
for (const name of readdirSync('docs')) if (name.endsWith('.md')) documents.push(`docs/${name}`);

const found = documents.flatMap((document) => blocksOf(document).map((text) => ({ document, text })));

test('each block of shell commands is checked', (t) => {
  for (const { document, text } of found) t.notThrows(() => checkOf(document, text));
});

test('each block of shell commands runs', async (t) => {
  if (!requires(t, 'root', 'jq', 'runc', 'tar', 'gzip', 'containerd')) return;
  const steps = found.flatMap(({ document, text }): Step[] => {
    const check = checkOf(document, text);
    if (typeof check === 'string') return [];
    // each block begins with the configuration of this machine
    return [
      { ...check, before: `restore; ${check.before ?? ''}`, line: `set -eu\n${check.line?.(text) ?? text}` },
    ];
  });
  t.true(steps.length > 8);
  const keep = `
export ETC=$PWD/../etc
cp -r /etc $ETC
restore() { rm -rf /etc/layerhook /etc/docker /etc/containerd; cp -r $ETC/. /etc; }
export -f restore
export ROOTFS_URL=https://registry.example/rootfs.tar.gz`;
  await runSteps(t, { setUp: setUp(fixture(t)) + keep, steps, env: ownHome(t, 'localhost', programs) });
});
