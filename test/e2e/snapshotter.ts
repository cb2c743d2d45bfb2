import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { connectSnapshotter } from '../../src/snapshotter/index.js';
import type { Info } from '../../src/store/types.js';
import { fillRootfs } from '../demo/rootfs.js';
import { hasEnded } from '../helpers/at-work.js';
import { mainFile, succeed } from '../helpers/cli.js';
import type { Containerd } from '../helpers/containerd.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

/** A `layerhook snapshotter serve` of its own, for as long as the test runs. */
export interface Daemon {
  address: string;
  store: string;
  /** lines of its log so far */
  log(): string;
  /** Starts it again, over the same store, after {@link end}. */
  start(): Promise<void>;
  /** Ends it by a signal. @returns its exit status, or the signal */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** what containerd has in the store */
  snapshots(): Promise<Info[]>;
}

export async function startDaemon(t: ExecutionContext<unknown>, args: string[] = []): Promise<Daemon> {
  const dir = tmpdir(t);
  const [address, store, log] = ['snapshotter.sock', 'store', 'log'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const output = openSync(log, 'a');
  const command = ['snapshotter', 'serve', '--address', address, '--store', store, '--log', 'debug', ...args];
  const env = { ...process.env, NO_COLOR: '1', XDG_CONFIG_HOME: '/nonexistent' };
  let child: ChildProcess;
  const daemon: Daemon = {
    address,
    store,
    log: () => readFileSync(log, 'utf8'),
    async start() {
      const before = count(daemon.log(), ' serving ');
      child = spawn(process.execPath, [mainFile, ...command], { env, stdio: ['ignore', output, output] });
      const isServing = () => {
        if (hasEnded(child)) throw new Error(`the snapshotter ended:\n${daemon.log()}`);
        return count(daemon.log(), ' serving ') > before;
      };
      await until('the snapshotter serves', isServing);
    },
    async end(signal) {
      if (!hasEnded(child)) {
        const ended = once(child, 'exit');
        child.kill(signal);
        await ended;
      }
      return child.exitCode ?? child.signalCode;
    },
    async snapshots() {
      const client = connectSnapshotter(address);
      const found: Info[] = [];
      for await (const info of client.walk()) found.push(info);
      await client.close();
      return found;
    },
  };
  await daemon.start();
  t.teardown(() => daemon.end('SIGKILL'));
  return daemon;
}

export function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

/** Waits until containerd has this many snapshots: it removes those of a container a moment after the end of the container. */
export async function untilCollected(daemon: Daemon, expected: number): Promise<void> {
  const isCollected = async () => (await daemon.snapshots()).length === expected;
  await until(`containerd has ${expected} snapshots`, isCollected, 50);
}

/** Waits until containerd calls a snapshotter that has started again: for a while it refuses all calls. */
export async function untilConnected(t: ExecutionContext<unknown>, ctr: Containerd['ctr']): Promise<void> {
  const snapshots = (...args: string[]) => ctr('snapshots', '--snapshotter', 'layerhook', ...args);
  const isConnected = async () => (await snapshots('prepare', 'a try')).status === 0;
  await until('containerd calls the snapshotter', isConnected, 200);
  await succeed(t, snapshots('rm', 'a try'));
}

/** config.toml of a containerd that has the daemon as its snapshotter `layerhook`. */
export function proxyConfig({ address }: Daemon, { cri = false } = {}): string {
  const without = cri ? '' : 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n';
  const images = '[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "layerhook"\n';
  return `version = 2\n${without}[proxy_plugins.layerhook]\n  type = "snapshot"\n  address = "${address}"\n${
    cri ? images : ''
  }`;
}

export interface ContainerImage extends BuiltImage {
  /** as `ctr image import` takes it */
  archive: string;
  name: string;
}

/** An image with a shell, whose layers add, change, delete and replace files. */
export function layeredImage(t: ExecutionContext<unknown>, more: RawEntry[][] = []): ContainerImage {
  const dir = tmpdir(t);
  const rootfs = join(dir, 'rootfs');
  mkdirSync(rootfs);
  fillRootfs(rootfs);
  const base = execFileSync('tar', ['-C', rootfs, '-c', '.'], { maxBuffer: 2 ** 30 });
  const name = 'localhost/layerhook:layers';
  const layers = [
    [file('data/deleted', 'x'), file('data/kept', 'one'), file('opaque/hidden', 'x')],
    [file('data/.wh.deleted', ''), file('opaque/.wh..wh..opq', ''), file('opaque/new', 'two')],
    ...more,
  ];
  const image = buildImage(t, [base, ...layers.map((entries) => tar(entries))], {
    tag: name,
    config: { Cmd: ['/bin/sh'] },
  });
  const archive = join(dir, 'image.tar');
  execFileSync('tar', ['-C', image.layout, '-cf', archive, '.']);
  if (!existsSync(archive)) throw new Error('no archive');
  return { ...image, archive, name };
}

function file(name: string, content: string): RawEntry {
  return { name, content };
}

/** One write: ctr of containerd 1.6 was once seen to lose what a short container wrote after its first write. */
const script = 'seen=$(cat /data/kept; echo; ls /data /opaque); echo "$seen"; echo written > /data/kept';
/** what {@link runScript} prints for a {@link layeredImage} that is whole */
export const shown = 'one\n/data:\nkept\n\n/opaque:\nnew\n';

/** Looks at files in a container, and writes. @returns what it printed */
export async function runScript(
  t: ExecutionContext<unknown>,
  ctr: Containerd['ctr'],
  image: string,
  namespace = 'layerhook-test',
): Promise<string> {
  const id = `layerhook-${basename(tmpdir(t))}`;
  const options = ['--rm', '--snapshotter', 'layerhook'];
  return succeed(t, ctr('--namespace', namespace, 'run', ...options, image, id, '/bin/sh', '-c', script));
}
