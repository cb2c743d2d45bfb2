import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { unvis } from 'mtree-ts';

/** Bytes of a file name as node:fs wants them. */
export function bytes(root: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
}

/** Names that have broken readers and writers of manifests: byte strings. */
export const oddNames = [
  'plain',
  '.hidden',
  'sp ace',
  'tab\there',
  'new\nline',
  'hash#tag',
  '#start',
  'back\\slash',
  'end\\',
  'glob*?[a]',
  'quo"te\'s',
  '=equals=',
  '\x01\x1b\x7f',
  'caf\xc3\xa9',
  'latin1-\xe9',
  '\xff\xfe',
  '...',
  '\\040',
];

/** A directory with every type of file that we may make, odd names, links, times and (for root) owners and devices. */
export function makeTree(root: string): void {
  mkdirSync(root, { recursive: true });
  for (const name of oddNames) writeFileSync(bytes(root, name), `content of ${name}\n`);
  for (const [index, name] of ['sub', 'sub/deep', 'sub/deep/er', 'empty', 'sp ace dir', 'zz'].entries()) {
    mkdirSync(join(root, name));
    utimesSync(join(root, name), 1_000_000 + index, 1_000_000 + index);
  }
  writeFileSync(join(root, 'sub/file'), 'x'.repeat(300_000), { mode: 0o4755 });
  writeFileSync(join(root, 'zz/none'), '', { mode: isRoot ? 0o000 : 0o600 });
  linkSync(join(root, 'plain'), join(root, 'sub/hardlink'));
  symlinkSync(Buffer.from('target with sp#ce\xff', 'latin1'), join(root, 'symlink'));
  symlinkSync('..', join(root, 'sub/up'));
  utimesSync(join(root, 'plain'), -1.5, -1.5);
  utimesSync(join(root, 'sub/file'), 1_600_000_000.25, 1_600_000_000.25);
  lutimesSync(join(root, 'symlink'), 12, 12);
  execFileSync('mkfifo', [join(root, 'fifo')]);
  if (isRoot) {
    chownSync(join(root, 'sub'), 5, 6);
    chownSync(join(root, 'sub/deep'), 4_000_000_000, 4_000_000_001);
    execFileSync('mknod', [join(root, 'zz/char'), 'c', '1', '3']);
    execFileSync('mknod', [join(root, 'zz/block'), 'b', '8', '17']);
  }
}

const isRoot = process.getuid?.() === 0;

/** A name for an extended attribute that tmpfs takes, even if its kernel is too old for those of users. */
export function xattrName(name: string): string {
  return `${isRoot ? 'trusted' : 'user'}.${name}`;
}

/** Sets an extended attribute with the program of the attr package. */
export function setXattr(path: string, name: string, value: string): void {
  execFileSync('setfattr', ['-n', xattrName(name), '-v', value, path]);
}

/** Reads the extended attributes of all files below `root` in one call, for the option `xattrs`. */
export function xattrReader(root: string): (path: Buffer) => Map<string, Buffer> {
  const args = ['-R', '-h', '-P', '-d', '-m', '-', '-e', 'hex', '--absolute-names', root];
  const blocks = execFileSync('getfattr', args, { encoding: 'latin1', maxBuffer: 1 << 28 }).split('\n\n');
  const attributes = new Map<string, Map<string, Buffer>>();
  for (const block of blocks.filter((text) => text !== '')) {
    const [file, ...lines] = block.trim().split('\n');
    const pairs = lines.map((line): [string, Buffer] => {
      const [name, hex] = line.split('=0x');
      return [unvis(name!.replace(/=$/, '')), Buffer.from(hex ?? '', 'hex')];
    });
    attributes.set(unvis(file!.replace('# file: ', '')), new Map(pairs));
  }
  return (path) => attributes.get(path.toString('latin1')) ?? new Map();
}

/**
 * The path of gomtree, which Debian does not package: from $GOMTREE, PATH, or built by `go install` into a cache.
 * Without gomtree, returns undefined, and the test logs why and passes, in CI too.
 */
export function findGomtree(t: ExecutionContext<unknown>): string | undefined {
  search ??= searchGomtree();
  if ('gomtree' in search) return search.gomtree;
  t.log(`SKIPPED: needs gomtree (set GOMTREE): ${search.failure}`);
  t.pass();
  return undefined;
}

/** The first test that needs it searches for all of its file. */
let search: { gomtree: string } | { failure: string } | undefined;

function searchGomtree(): { gomtree: string } | { failure: string } {
  const cached = join(cacheDirectory(), 'gomtree');
  const gomtree = [process.env.GOMTREE ?? 'gomtree', cached].find((program) => runs(program, '--version'));
  if (gomtree !== undefined) return { gomtree };
  const failure = runs('go', 'version') ? installGomtree() : 'no go to build it with';
  return failure === undefined ? { gomtree: cached } : { failure };
}

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? tmpdir(), '.cache'), 'layerhook-test');
}

/** Builds gomtree beside its final place, so that a half-built one is never used. Returns why it failed. */
function installGomtree(): string | undefined {
  mkdirSync(cacheDirectory(), { recursive: true });
  const staging = mkdtempSync(join(cacheDirectory(), 'build-'));
  const args = ['install', 'github.com/vbatts/go-mtree/cmd/gomtree@latest'];
  const run = spawnSync('go', args, { env: { ...process.env, GOBIN: staging }, timeout: 240_000 });
  const built = run.status === 0 && existsSync(join(staging, 'gomtree'));
  if (built) execFileSync('mv', ['-f', join(staging, 'gomtree'), join(cacheDirectory(), 'gomtree')]);
  rmSync(staging, { recursive: true, force: true });
  return built
    ? undefined
    : `go install failed: ${String(run.error ?? run.stderr)
        .trim()
        .split('\n')
        .at(-1)}`;
}

function runs(program: string, argument: string): boolean {
  return spawnSync(program, [argument]).status === 0;
}
