import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { hookKinds } from '../../src/inject/types.js';
import { fillRootfs } from '../demo/rootfs.js';
import { buildImage } from '../helpers/image.js';
import { tmpdir } from '../helpers/tmp.js';

/**
 * Puts a command into a mount namespace of its own, without the part of a hybrid cgroup setup that crun and podman
 * refuse. On other systems all cgroups stay mounted.
 */
export const inOwnMounts = [
  'unshare',
  '-m',
  'sh',
  '-c',
  'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"',
  'sh',
];

/** Hooks of every kind that note their name, and a directory where they do. */
export interface NotedHooks {
  /** to be given to layerhook-runtime */
  file: string;
  /** names of the hooks that were called, in their order; that in the container is read from its rootfs */
  called(rootfs: string): string[];
}

/** One hook of each kind. What runs inside the container cannot write outside of it, and leaves a file there. */
export function notingHooks(dir: string): NotedHooks {
  const notes = join(dir, 'called');
  const hook = (kind: string) => {
    const place = kind === 'startContainer' ? '/started' : notes;
    // crun dies of SIGPIPE if a hook ends before it has read the state
    const script = `while read -r _; do :; done; echo ${kind} >> ${place}`;
    return [{ path: '/bin/sh', args: ['sh', '-c', script] }];
  };
  const file = join(dir, 'noting-hooks.json');
  writeFileSync(
    file,
    JSON.stringify({ hooks: Object.fromEntries(hookKinds.map((kind) => [kind, hook(kind)])) }),
  );
  const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []);
  const called = (rootfs: string) => {
    const outside = lines(notes);
    const inside = lines(join(rootfs, 'started'));
    return [...outside, ...inside].sort((a, b) => order(a) - order(b));
  };
  return { file, called };
}

const kinds: readonly string[] = hookKinds;
const order = (kind: string) => kinds.indexOf(kind);

export interface ContainerBundle {
  dir: string;
  bundle: string;
  rootfs: string;
  /** where a runtime keeps state */
  state: string;
}

/** A bundle that runs `script` in a shell, with this machine's programs as its rootfs. */
export function containerBundle(
  t: ExecutionContext<unknown>,
  script: string,
  { terminal = false } = {},
): ContainerBundle {
  const dir = tmpdir(t);
  const bundle = join(dir, 'bundle');
  const rootfs = join(bundle, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  fillRootfs(rootfs);
  writeSpec(bundle, script, terminal);
  return { dir, bundle, rootfs, state: join(dir, 'state') };
}

/** Writes a config.json as `runc spec` does, for `script`. */
export function writeSpec(bundle: string, script: string, terminal = false): void {
  execFileSync('runc', ['spec', '--bundle', bundle]);
  const file = join(bundle, 'config.json');
  const spec = JSON.parse(readFileSync(file, 'utf8')) as { process: object; root: object };
  spec.process = { ...spec.process, terminal, args: ['/bin/sh', '-c', script] };
  spec.root = { path: 'rootfs', readonly: false };
  writeFileSync(file, JSON.stringify(spec));
}

/** Writes a tar of an image of this machine's programs, as `ctr image import` and `podman load` take it. */
export function archiveImage(
  t: ExecutionContext<unknown>,
  dir: string,
  command: readonly string[] = ['/bin/sh'],
): { file: string; name: string } {
  const rootfs = join(tmpdir(t), 'rootfs');
  mkdirSync(rootfs);
  fillRootfs(rootfs);
  const name = 'localhost/layerhook:test';
  const layer = execFileSync('tar', ['-C', rootfs, '-c', '.'], { maxBuffer: 2 ** 30 });
  const { layout } = buildImage(t, [layer], {
    tag: name,
    config: { Cmd: command },
    compression: 'none',
  });
  const file = join(dir, 'image.tar');
  execFileSync('tar', ['-C', layout, '-cf', file, '.']);
  return { file, name };
}
