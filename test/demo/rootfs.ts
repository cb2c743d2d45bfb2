import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

const programs =
  'sh cat cp date echo env false head id ln ls mkdir mv pwd rm rmdir sleep sort stat tail touch true uname wc'.split(
    ' ',
  );

/** What stands in a root filesystem. */
export interface Contents {
  programs: number;
  libraries: number;
  files: number;
  bytes: number;
}

/** Fills `rootfs` with this machine's shell and coreutils, and the libraries that they need. */
export function fillRootfs(rootfs: string): Contents {
  for (const dir of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var/log']) {
    mkdirSync(join(rootfs, dir), { recursive: true });
  }
  const found = programs.map((name) => [name, findProgram(name)] as const);
  const paths = found.flatMap(([, path]) => path ?? []);
  const libraries = librariesOf(paths);
  for (const [name, path] of found) {
    if (path !== undefined) copyProgram(rootfs, name, path);
  }
  for (const library of libraries) {
    mkdirSync(join(rootfs, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(rootfs, library));
  }
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(rootfs, 'etc/resolv.conf'), '');
  writeFileSync(join(rootfs, 'etc/motd'), 'Welcome to a very small system.\n');
  return { programs: paths.length, libraries: libraries.size, ...measure(rootfs) };
}

/** A program under its own name; where one file has many names (busybox), they become links to one copy. */
function copyProgram(rootfs: string, name: string, path: string): void {
  const real = realpathSync(path);
  const file = basename(real);
  if (!existsSync(join(rootfs, 'bin', file))) copyFileSync(real, join(rootfs, 'bin', file));
  if (file !== name) symlinkSync(file, join(rootfs, 'bin', name));
}

function findProgram(name: string): string | undefined {
  const dirs = ['/bin', '/usr/bin', '/sbin', '/usr/sbin'];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}

/** Paths that ldd(1) names for programs; none for static ones, for which it fails. */
function librariesOf(paths: readonly string[]): Set<string> {
  const { stdout } = spawnSync('ldd', paths, { encoding: 'utf8' });
  return new Set(stdout.match(/(?<=[ \t])\/\S+(?= \(0x)/g) ?? []);
}

function measure(dir: string): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const stat = lstatSync(join(dir, name));
    files++;
    if (stat.isFile()) bytes += stat.size;
  }
  return { files, bytes };
}
