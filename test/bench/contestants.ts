import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { subvolumes } from '../drivers/btrfs/loop.js';
import { mainFile } from '../helpers/cli.js';
import type { Contestant } from './measure.js';
import type { Node } from './node.js';
import { env, layerFiles } from './tools.js';

/** One way to run layerhook. */
export interface Ours {
  driver: string;
  /** executable of node, and its version for the name */
  node: { path: string; version: string };
  /** directory for bundles and the store, on a filesystem that the driver can use */
  dir: string;
}

/** The image that all contestants unpack, and the directory where the peers work. */
export interface Arena {
  layout: string;
  dir: string;
}

const image = ({ layout }: Arena, tag = 'changed') => `${layout}:${tag}`;
const nameOf = ({ driver, node }: Ours) => `${driver} (node ${node.version})`;
const usesStore = ({ driver }: Ours) => driver !== 'copy';
const place = (ours: Ours) => join(ours.dir, `${ours.driver}-${ours.node.version}`);
const lh = (ours: Ours, ...args: string[]) => [ours.node.path, mainFile, ...args];
const storeArgs = (ours: Ours) => ['--store', join(place(ours), 'store')];

function unpackArgs(ours: Ours, arena: Arena, bundle: string): string[] {
  return lh(ours, 'unpack', '--driver', ours.driver, ...storeArgs(ours), '--image', image(arena), bundle);
}

/** Runs a command that is not measured. */
function call([file, ...args]: readonly string[]): void {
  execFileSync(file!, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

function clean(ours: Ours): void {
  if (ours.driver === 'btrfs') deleteSubvolumes(ours.dir);
  else if (existsSync(join(place(ours), 'store'))) call(lh(ours, 'store', 'gc', ...storeArgs(ours)));
  rmSync(place(ours), { recursive: true, force: true });
  mkdirSync(place(ours), { recursive: true });
}

function deleteSubvolumes(filesystem: string): void {
  for (const path of subvolumes(filesystem).reverse())
    call(['btrfs', 'subvolume', 'delete', join(filesystem, path)]);
}

const removeBundle = (ours: Ours, bundle: string) => call(lh(ours, 'bundle', 'remove', bundle));

/** Unpacks an image whose layers are nowhere yet. */
export function coldOurs(ours: Ours, arena: Arena): Contestant {
  const bundle = join(place(ours), 'bundle');
  return {
    name: nameOf(ours),
    prepare: () => clean(ours),
    command: unpackArgs(ours, arena, bundle),
    clear: () => {
      removeBundle(ours, bundle);
      clean(ours);
    },
  };
}

/** Unpacks an image again, whose layers the store has; null for a driver without a store. */
export function secondOurs(ours: Ours, arena: Arena): Contestant | null {
  if (!usesStore(ours)) return null;
  const [first, bundle] = ['first', 'bundle'].map((name) => join(place(ours), name)) as [string, string];
  return {
    name: nameOf(ours),
    prepare: () => {
      if (existsSync(first)) return;
      clean(ours);
      call(unpackArgs(ours, arena, first));
    },
    command: unpackArgs(ours, arena, bundle),
    clear: () => removeBundle(ours, bundle),
  };
}

/** Repacks a bundle after a change. The bundle stays from round to round, and so do its changes. */
export function repackOurs(ours: Ours, arena: Arena, change: (rootfs: string) => void): Contestant {
  const bundle = join(place(ours), 'repacked');
  return {
    name: nameOf(ours),
    prepare: () => {
      if (existsSync(bundle)) return;
      clean(ours);
      call(unpackArgs(ours, arena, bundle));
      change(join(bundle, 'rootfs'));
    },
    command: lh(ours, 'repack', ...storeArgs(ours), '--image', image(arena, `by-${ours.driver}`), bundle),
  };
}

/** Removes a bundle, and the layers that no bundle needs. */
export function removeOurs(ours: Ours, arena: Arena): Contestant {
  const bundle = join(place(ours), 'removed');
  const gc = usesStore(ours) ? ' && "$0" "$1" store gc --store "$3"' : '';
  return {
    name: nameOf(ours),
    prepare: () => {
      clean(ours);
      call(unpackArgs(ours, arena, bundle));
    },
    command: [
      'sh',
      '-c',
      `"$0" "$1" bundle remove "$2"${gc}`,
      ...lh(ours),
      bundle,
      join(place(ours), 'store'),
    ],
  };
}

/** Removes what the rounds left of a bundle. */
export function end(ours: Ours): void {
  for (const name of ['first', 'repacked']) {
    const bundle = join(place(ours), name);
    if (existsSync(bundle)) removeBundle(ours, bundle);
  }
  clean(ours);
}

export const nodeAlone = ({ path, version }: Ours['node']): Contestant => ({
  name: `node -e 0 (node ${version})`,
  command: [path, '-e', '0'],
});

const umociUnpack = (arena: Arena, bundle: string) => ['umoci', 'unpack', '--image', image(arena), bundle];

export function umociCold(arena: Arena): Contestant {
  const bundle = join(arena.dir, 'umoci');
  const clear = () => rmSync(bundle, { recursive: true, force: true });
  return { name: 'umoci', prepare: clear, command: umociUnpack(arena, bundle), clear };
}

export function umociRepack(arena: Arena, change: (rootfs: string) => void): Contestant {
  const bundle = join(arena.dir, 'umoci-repacked');
  return {
    name: 'umoci',
    prepare: () => {
      if (existsSync(bundle)) return;
      call(umociUnpack(arena, bundle));
      change(join(bundle, 'rootfs'));
    },
    command: ['umoci', 'repack', '--image', image(arena, 'by-umoci'), bundle],
  };
}

export function endUmoci(arena: Arena): void {
  rmSync(join(arena.dir, 'umoci-repacked'), { recursive: true, force: true });
}

/** Removes umoci's bundle, which is a plain directory. */
export function rmRf(arena: Arena): Contestant {
  const bundle = join(arena.dir, 'umoci');
  return {
    name: 'rm -rf',
    prepare: () => call(umociUnpack(arena, bundle)),
    command: ['rm', '-rf', bundle],
  };
}

/** GNU tar on the layers: whiteouts and manifests are not its business, so it shows what extraction alone costs. */
export function gnuTar(arena: Arena): Contestant {
  const target = join(arena.dir, 'tar');
  const extract =
    'for layer; do gzip -dc "$layer" | tar -x -p --numeric-owner --xattrs --overwrite -C "$0"; done 2>/dev/null; true';
  return {
    name: 'GNU tar',
    prepare: () => mkdirSync(target),
    command: ['sh', '-c', extract, target, ...layerFiles(arena.layout, 'changed')],
    clear: () => rmSync(target, { recursive: true }),
  };
}

/** Writes the layout as an archive, for tools that read no layout. */
export function archiveOf(arena: Arena): string {
  const archive = join(arena.dir, 'image.tar');
  call(['tar', '-C', arena.layout, '-cf', archive, '.']);
  return archive;
}

export function containerdImport(node: Node, archive: string): Contestant {
  const load = ['--base-name', 'localhost/bench', '--snapshotter', 'overlayfs', archive];
  return {
    name: 'containerd import',
    command: node.ctrCommand('image', 'import', ...load),
    clear: () => node.ctr('image', 'rm', '--sync', 'localhost/bench:changed'),
    daemon: node.pid,
    // containerd 1.6 does not find the target of a hardlink behind a symlink of a lower layer
    mayRefuse: true,
  };
}

export function podmanLoad(arena: Arena, archive: string): Contestant {
  const root = join(arena.dir, 'podman');
  const podman = ['podman', '--root', root, '--runroot', `${root}-run`, '--storage-driver', 'overlay'];
  return {
    name: 'podman load',
    command: [...podman, 'load', '-q', '-i', archive],
    clear: () => call([...podman, 'rmi', '-a', '-f']),
    mayRefuse: true,
  };
}

/** Changes of a bundle. */
export const changes: Record<string, (rootfs: string) => void> = {
  nothing: () => {},
  '25 files': (rootfs) => addFiles(rootfs, 25),
  '20,000 files': (rootfs) => addFiles(rootfs, 20_000),
};

function addFiles(rootfs: string, count: number): void {
  for (let at = 0; at < count; at++) {
    const dir = join(rootfs, 'added', `dir${Math.floor(at / 100)}`);
    if (at % 100 === 0) mkdirSync(dir, { recursive: true });
    const line = `${(at * 2654435761).toString(36)} of ${at}, which compresses about as source code does\n`;
    writeFileSync(join(dir, `file${at}`), line.repeat(1 + ((at * 7) % 60)));
  }
}
