import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { connectSnapshotter } from '../../src/snapshotter/index.js';
import type { Info } from '../../src/store/types.js';
import { fillRootfs } from '../demo/rootfs.js';
import { mainFile, succeed } from '../helpers/cli.js';
import type { Containerd } from '../helpers/containerd.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import { type RawEntry, tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

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
      while (count(daemon.log(), ' serving ') === before) {
        if (child.exitCode !== null) throw new Error(`the snapshotter ended:\n${daemon.log()}`);
        await delay(50);
      }
    },
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) {
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

function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

/** Number of snapshots, once it is `expected`: containerd collects what a container leaves a moment after that has ended. */
export async function collected(daemon: Daemon, expected: number): Promise<number> {
  for (let tries = 0; ; tries++) {
    const { length } = await daemon.snapshots();
    if (length === expected || tries === 200) return length;
    await delay(50);
  }
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
