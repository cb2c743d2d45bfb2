import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type ApplyLayerOptions, applyLayer } from '../../../src/layer/apply/applier.js';
import { Tree as AppliedTree } from '../../../src/layer/apply/tree.js';
import type { AppliedLayer, ByteSource } from '../../../src/layer/types.js';
import { TarReader } from '../../../src/tar/index.js';
import { type RawEntry, tar } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { type Tree, treeOf } from '../../helpers/tree.js';

export { dir, file, hardlink, symlink } from '../../../src/testing/entries.js';

export interface Applied {
  root: string;
  /** everything about what is there now; slow */
  readonly tree: Tree;
  /** the paths there now, sorted, with what they are: `dir/`, `file`, `link -> target` */
  readonly listing: string[];
  layers: Pick<AppliedLayer, 'bytes' | 'entries' | 'unsettled'>[];
  warnings: string[];
}

/**
 * Applies layers, one after the other, to a fresh directory that has a file, a directory and a symlink beside and
 * above it, and fails the test if anything out there has changed, whether or not the layers were refused.
 */
export function apply(
  t: ExecutionContext<unknown>,
  layers: (RawEntry[] | Buffer)[],
  options: Partial<ApplyLayerOptions> = {},
): Applied {
  const outside = tmpdir(t);
  const root = join(outside, 'a/target');
  mkdirSync(join(outside, 'etc'));
  mkdirSync(root, { recursive: true, mode: 0o755 });
  writeFileSync(join(outside, 'etc/passwd'), 'host');
  writeFileSync(join(outside, 'a/secret'), 'host');
  symlinkSync('../etc', join(outside, 'a/link'));
  utimesSync(root, 0, 0);
  const before = outsideState(outside);
  const warnings: string[] = [];
  const tree = new AppliedTree();
  try {
    const applied = layers.map((layer) => applyOne(layer, root, tree, warnings, options));
    return {
      root,
      layers: applied,
      warnings,
      get tree() {
        return treeOf(root);
      },
      get listing() {
        return list(root);
      },
    };
  } finally {
    t.deepEqual(outsideState(outside), before, 'nothing outside of the target may change');
  }
}

/** Applies one layer to `root`, without a check of the files outside. */
export function applyOne(
  layer: RawEntry[] | Buffer,
  root: string,
  tree: AppliedTree,
  warnings: string[],
  options: Partial<ApplyLayerOptions>,
): Applied['layers'][number] {
  const reader = new TarReader(inPieces(Buffer.isBuffer(layer) ? layer : tar(layer)), { digest: 'sha256:0' });
  return applyLayer(reader, root, tree, {
    digest: 'sha256:0',
    digests: false,
    warn: (message) => warnings.push(message),
    map: { uidMappings: [], gidMappings: [], rootless: false },
    whiteouts: null,
    keepDirlinks: false,
    overlayXattr: 'trusted',
    ...options,
  });
}

/** A source that gives a few blocks at a time, so that content comes in pieces. */
export function inPieces(bytes: Buffer, size = 1000): ByteSource {
  let at = 0;
  return {
    read() {
      const piece = bytes.subarray(at, at + size);
      at += piece.length;
      return piece.length === 0 ? null : piece;
    },
  };
}

/** What is around the target, to the inode and the time of its last change. */
function outsideState(outside: string): unknown {
  const paths = ['.', 'etc', 'etc/passwd', 'a/secret', 'a/link'];
  const stats = paths.map((path) => {
    const { mode, ino, uid, gid, size, nlink, mtimeNs, ctimeNs } = lstatSync(join(outside, path), {
      bigint: true,
    });
    return { path, mode, ino, uid, gid, size, nlink, mtimeNs, ctimeNs };
  });
  const names = ['.', 'etc', 'a'].map((path) => readdirSync(join(outside, path)));
  const content = ['etc/passwd', 'a/secret'].map((path) => readFileSync(join(outside, path), 'utf8'));
  return { stats, names, content };
}

function list(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true, encoding: 'utf8' });
  const shown = entries.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    if (entry.isDirectory()) return `${name}/`;
    return entry.isSymbolicLink() ? `${name} -> ${readlinkSync(path)}` : name;
  });
  return shown.sort();
}
