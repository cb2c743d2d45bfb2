import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Index, Manifest } from '../../src/image/types.js';

const { BENCH_DIR = existsSync('/dev/shm') ? '/dev/shm' : tmpdir() } = process.env;
/** Everything is made in here; the bench that imports it removes it. */
export const scratch = mkdtempSync(join(BENCH_DIR, 'layerhook-bench-'));

// with this variable node reads all certificates of the system before it does anything else: 60 ms that few users have
const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
export const env = { ...rest, XDG_CONFIG_HOME: '/nonexistent', LAYERHOOK_STORE: join(scratch, 'store') };

/** Unmounts and removes a directory of the bench. A bench that fails leaves bundles mounted, a podman that fails its storage. */
export function removeAll(directory = scratch): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  const own = mounts.filter((path) => path.startsWith(`${directory}/`)).reverse();
  for (const path of own) spawnSync('umount', ['-l', path]);
  rmSync(directory, { recursive: true, force: true });
}

/** Files of the blobs of an image's layers, the lowest first. */
export function layerFiles(layout: string, tag: string): string[] {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const { manifests } = read(join(layout, 'index.json')) as Index;
  const manifest = manifests.find((one) => one.annotations?.['org.opencontainers.image.ref.name'] === tag)!;
  return (read(blob(manifest.digest)) as Manifest).layers.map(({ digest }) => blob(digest));
}

/** The node of this machine, and node 24 from npm's package `node`, which is installed once into the cache of the tests. */
export function nodes(): { path: string; version: string }[] {
  const [own] = process.versions.node.split('.');
  const dir = join(process.env.LAYERHOOK_TEST_CACHE ?? join(homedir(), '.cache/layerhook-test'), 'node24');
  const path = join(dir, 'node_modules/node/bin/node');
  if (!existsSync(path)) {
    execFileSync('npm', ['install', '--silent', '--prefix', dir, 'node@24'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const here = { path: process.execPath, version: own! };
  return own === '24' ? [here] : [{ path, version: '24' }, here];
}
