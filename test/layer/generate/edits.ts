import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { utimensat } from '../../../src/system/attributes.js';
import { fromText, toBuffer } from '../../../src/system/bytes.js';
import { AT_FDCWD, mknodat } from '../../../src/system/files.js';
import { setXattr } from '../../../src/system/xattr.js';
import fc from '../../helpers/properties.js';

/** One thing done to a tree. Paths are bytes; what cannot be done, since something is or is not there, is not done. */
export type Edit =
  | { do: 'write' | 'mkdir' | 'fifo' | 'device' | 'rm'; path: string; n: number }
  | { do: 'chmod' | 'chown' | 'xattr' | 'mtime'; path: string; n: number }
  | { do: 'link' | 'symlink' | 'rename'; path: string; other: string };

const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a-', '.w', 'new\nline', '\u00ff', 'caf\u00c3\u00a9', 'n'.repeat(120)),
  },
);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));

export const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('write', 'mkdir'), path, n: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fifo', 'device'), path, n: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('chmod', 'chown', 'xattr', 'mtime'), path, n: fc.nat(4) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rm'), path, n: fc.nat(4) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('link', 'symlink', 'rename'), path, other: path }),
  },
) as fc.Arbitrary<Edit>;

/** Does edits to the tree below `root`, one after the other. */
export function apply(root: string, edits: Edit[]): void {
  for (const one of edits) {
    try {
      applyOne(fromText(root), one);
    } catch (error) {
      if (!('code' in (error as object))) throw error;
    }
  }
}

/** Gives every file of a tree a time of whole seconds in the past, as after unpacking. */
export function settle(root: string): void {
  for (const path of readdirSync(root, { recursive: true, encoding: 'latin1' }))
    touch(`${fromText(root)}/${path}`, 0);
  touch(fromText(root), 0);
}

function applyOne(root: string, one: Edit): void {
  const at = `${root}/${one.path}`;
  const file = toBuffer(at);
  // so that nothing outside the tree is touched through a link
  for (let end = at.lastIndexOf('/'); end > root.length; end = at.lastIndexOf('/', end - 1)) {
    if (!lstatSync(toBuffer(at.slice(0, end))).isDirectory()) return;
  }
  if ('other' in one) {
    if (one.do === 'link') linkSync(toBuffer(`${root}/${one.other}`), file);
    else if (one.do === 'symlink') symlinkSync(toBuffer(one.other), file);
    else renameSync(toBuffer(`${root}/${one.other}`), file);
    return;
  }
  if (one.do === 'mkdir') mkdirSync(file);
  else if (one.do === 'fifo') mknodat(AT_FDCWD, at, 0o010644);
  else if (one.do === 'device') mknodat(AT_FDCWD, at, 0o020644, 1, one.n);
  else if (one.do === 'rm') rmSync(file, { recursive: true });
  else if (one.do === 'mtime') touch(at, one.n);
  else if (one.do === 'chown') lchownSync(file, one.n, 300_000 + one.n);
  else if (one.do === 'write') {
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== false)
      writeFileSync(file, 'x'.repeat(one.n));
  } else if (lstatSync(file).isFile() || lstatSync(file).isDirectory()) {
    if (one.do === 'chmod') chmodSync(file, [0, 0o600, 0o4755, 0o1777, 0o750][one.n]!);
    else setXattr(at, `user.${one.n % 2}`, Buffer.from([0xff, 0x0a, one.n]));
  }
}

function touch(at: string, n: number): void {
  const sec = 1_000_000_000;
  utimensat(AT_FDCWD, at, { sec, nsec: 0 }, { sec: sec + n, nsec: 0 });
}
