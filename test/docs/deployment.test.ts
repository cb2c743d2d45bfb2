/** The units and manifests of docs/examples agree with the command line, with each other and with the documents. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { type PodSpec, parseManifest, type Resource } from '../e2e/pod.js';
import { layerhook } from '../helpers/cli.js';

const manifest = 'docs/examples/kubernetes/layerhook-snapshotter.yaml';
const resources = parseManifest(read(manifest));
const daemonSet = find('DaemonSet') as unknown as {
  spec: {
    selector: { matchLabels: object };
    updateStrategy: { type: string; rollingUpdate: { maxSurge: number; maxUnavailable: number } };
    template: { metadata: { labels: object }; spec: PodSpec };
  };
};
const pod = daemonSet.spec.template.spec;
const [configure] = pod.initContainers as [PodSpec['containers'][0]];
const [serve] = pod.containers as [PodSpec['containers'][0]];
const service = unit('docs/examples/layerhook-snapshotter.service');
const socket = unit('docs/examples/layerhook-snapshotter.socket');

test('every command exists, with its options', async (t) => {
  const commands = [
    configure.args,
    serve.args,
    serve.startupProbe!.exec.command.slice(1),
    service.ExecStart!.split(' ').slice(1),
  ];
  for (const args of commands) {
    const words = args.filter((each) => /^[a-z]+$/.test(each) && each !== 'json');
    const { stdout } = await layerhook([...words, '--help']);
    t.true(stdout.includes(`layerhook ${words.join(' ')}`), words.join(' '));
    for (const option of flagsOf(args).keys()) {
      t.true(stdout.includes(option) || option === '--log-format', `${words.join(' ')} ${option}`);
    }
  }
});

test('all have the same places, which are the defaults', async (t) => {
  const flags = flagsOf(serve.args);
  const place = (name: string) => flags.get(name) as string;
  const [address, store, metrics] = [place('--address'), place('--store'), place('--metrics')];
  const { stdout } = await layerhook(['ctk', 'snapshotter', 'configure', '--help']);
  t.regex(stdout, new RegExp(`--address SOCKET .*default: ${address}\\)`));
  t.regex(stdout, new RegExp(`--store DIR .*default: ${store}\\)`));
  t.is(socket.ListenStream, address);
  t.deepEqual(flagsOf(service.ExecStart!.split(' ')), new Map([...flags]));
  t.is(flagsOf(configure.args).get('--address'), address);
  t.is(flagsOf(configure.args).get('--store'), store);
  for (const { exec } of [serve.startupProbe!, serve.readinessProbe!, serve.livenessProbe!]) {
    t.is(flagsOf(exec.command).get('--metrics'), metrics);
  }
  const document = read('docs/snapshotter.md');
  for (const place of [address, store, metrics]) t.true(document.includes(place), place);
});

test('the pod sees the directories of the node under the names that the node has for them', (t) => {
  for (const { volumeMounts } of [configure, serve]) {
    for (const { name, mountPath } of volumeMounts) {
      t.is(pod.volumes.find((each) => each.name === name)?.hostPath.path, mountPath);
    }
  }
  const mounted = [...configure.volumeMounts, ...serve.volumeMounts].map(({ name }) => name);
  t.deepEqual(mounted.sort(), pod.volumes.map(({ name }) => name).sort());
});

test('the pod has what it needs and no rights beyond', (t) => {
  t.deepEqual(
    resources.map(({ kind }) => kind),
    ['Namespace', 'ServiceAccount', 'DaemonSet', 'RuntimeClass'],
  );
  const account = find('ServiceAccount');
  t.is(account.automountServiceAccountToken, false);
  t.like(pod, {
    serviceAccountName: account.metadata.name,
    automountServiceAccountToken: false,
    priorityClassName: 'system-node-critical',
    hostPID: true,
    hostNetwork: true,
  });
  for (const { securityContext } of [configure, serve]) {
    t.deepEqual(securityContext.capabilities.drop, ['ALL']);
    t.true(securityContext.readOnlyRootFilesystem);
  }
  t.is(configure.securityContext.capabilities.add, undefined);
  // Kubernetes refuses both together
  const { add } = serve.securityContext.capabilities;
  t.false(add!.includes('SYS_ADMIN') && serve.securityContext.allowPrivilegeEscalation === false);
  const document = read('docs/snapshotter.md');
  for (const name of add!) t.true(document.includes(`\`${name}\``), name);
});

test('one daemon ends before the next begins, and may take its time', (t) => {
  const { updateStrategy, selector, template } = daemonSet.spec;
  t.deepEqual(updateStrategy, { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } });
  t.deepEqual(selector.matchLabels, template.metadata.labels);
  t.is(String(pod.terminationGracePeriodSeconds), service.TimeoutStopSec as string);
});

test('the runtime class names the configured handler, and all objects share one namespace', (t) => {
  const runtimeClass = find('RuntimeClass');
  t.is(runtimeClass.handler, flagsOf(configure.args).get('--runtime-handler'));
  const namespace = find('Namespace').metadata.name;
  for (const kind of ['ServiceAccount', 'DaemonSet']) t.is(find(kind).metadata.namespace, namespace);
});

test('only root may connect, and the socket stays when the service stops', (t) => {
  t.like(socket, { SocketMode: '0600', DirectoryMode: '0700' });
  t.like(service, { RuntimeDirectory: 'layerhook', RuntimeDirectoryPreserve: 'yes', Type: 'notify' });
});

test('the image has the node that the package asks for, and starts layerhook', (t) => {
  const text = read('docs/examples/kubernetes/Containerfile');
  const [, version] = /^FROM .*node:(\d+)-/m.exec(text)!;
  const [, least] = />=(\d+)/.exec(JSON.parse(read('package.json')).engines.node) as unknown as [
    string,
    string,
  ];
  t.true(Number(version) >= Number(least));
  t.regex(text, /^ENTRYPOINT \["layerhook"\]$/m);
  t.is(configure.image, serve.image);
});

function find(kind: string): Resource {
  return resources.find((each) => each.kind === kind)!;
}

/** Options with values, as `--name=value` or as two words; a list of them without those that have none. */
function flagsOf(args: readonly string[]): Map<string, string> {
  const words = args.flatMap((each) => (each.startsWith('--') ? each.split('=') : [each]));
  const flags = words.flatMap((word, at): [string, string][] =>
    word.startsWith('--') ? [[word, words[at + 1]!]] : [],
  );
  return new Map(flags);
}

/** Settings of a systemd unit by name; of those that stand twice, the last. */
function unit(path: string): Record<string, string> {
  const lines = read(path).matchAll(/^([A-Z]\w+)=(.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value] as [string, string]));
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}
