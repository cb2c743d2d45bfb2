import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import { changedLayer } from './debian-changes.js';
import { put, writeImage } from './image.js';
import { requires } from './requires.js';
import { tar } from './tar.js';
import { tmpdir } from './tmp.js';

/** A Debian 12 from debootstrap, created once on each machine. Read-only: copy it before changing it. */
export interface Debian {
  /** the tree that debootstrap created */
  rootfs: string;
  /** an image layout with the tags `base` (the tree as one layer) and `changed` (a layer of changes on top) */
  layout: string;
}

const suite = 'bookworm';
/** small: a minimal system of 11,000 files; full: a system for building software, of 36,000 files. */
const packages = {
  small: 'ca-certificates,iputils-ping,locales,perl,python3',
  full: 'ca-certificates,git,libboost1.74-dev,locales,manpages-dev,perl,python3,tzdata,vim',
} as const;
type Extent = keyof typeof packages;
const version = '1';

/** Returns the cached Debian, which is created if missing; null if that is impossible, which skips the test. */
export function debian(t: ExecutionContext<unknown>): Debian | null {
  if (!requires(t, 'root', 'debootstrap', 'flock', 'tar', 'gzip')) return null;
  return cachedDebian();
}

/** Does the same as {@link debian}, outside tests. Concurrent processes wait for the first. */
export function cachedDebian(extent: Extent = 'small'): Debian {
  const cache = process.env.LAYERHOOK_TEST_CACHE ?? join(homedir(), '.cache', 'layerhook-test');
  const dir = join(cache, `debian-${suite}-${extent}-${version}`);
  if (!existsSync(dir)) {
    mkdirSync(cache, { recursive: true });
    execFileSync('flock', [join(cache, 'lock'), process.execPath, import.meta.filename, dir, extent], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return { rootfs: join(dir, 'rootfs'), layout: join(dir, 'layout') };
}

/** Copies the layout, to repack into it. The copy is removed when the test ends. */
export function copyLayout(t: ExecutionContext<unknown>, layout: string): string {
  const copy = join(tmpdir(t), 'layout');
  cpSync(layout, copy, { recursive: true });
  return copy;
}

function build(dir: string, extent: Extent): void {
  if (existsSync(dir)) return;
  const staging = `${dir}.making`;
  rmSync(staging, { recursive: true, force: true });
  const rootfs = join(staging, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  execFileSync('debootstrap', ['--variant=minbase', `--include=${packages[extent]}`, suite, rootfs], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  execFileSync('sh', ['-c', 'rm -rf "$0"/var/cache/apt/archives/*.deb "$0"/var/lib/apt/lists/*', rootfs]);
  writeLayout(join(staging, 'layout'), rootfs);
  renameSync(staging, dir);
}

function writeLayout(layout: string, rootfs: string): void {
  const archive = join(layout, '..', 'layer.tar');
  const options = ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--sort=name', '--format=pax'];
  execFileSync('tar', [...options, '-C', rootfs, '-c', '-f', archive, '.']);
  const diffID = `sha256:${createHash('sha256').update(readFileSync(archive)).digest('hex')}` as const;
  execFileSync('gzip', ['-6', '-n', archive]);
  const blob = readFileSync(`${archive}.gz`);
  rmSync(`${archive}.gz`);

  const changes = tar(changedLayer());
  const config = { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['/bin/bash'], WorkingDir: '/' };
  for (const [tag, layers] of [
    ['base', []],
    ['changed', [changes]],
  ] as const) {
    writeImage(layout, [...layers], {
      tag,
      config,
      blob: (bytes) => gzipSync(bytes),
      edit: {
        config: (document) => {
          document.rootfs.diff_ids.unshift(diffID);
          document.history?.unshift({ created: '2020-01-01T00:00:00Z', created_by: 'debootstrap' });
        },
        manifest: (document) => {
          document.layers.unshift(put(layout, blob, 'application/vnd.oci.image.layer.v1.tar+gzip'));
        },
      },
    });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  build(process.argv[2]!, process.argv[3] as Extent);
