import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { rootTest } from '../../helpers/root-test.js';
import type { RawEntry } from '../../helpers/tar.js';
import { apply, dir } from './harness.js';

/** Default access list: rwx for owner and group, none for others; acl(5), in the kernel's format. */
const acl = Buffer.from('0200000001000700ffffffff04000700ffffffff20000000ffffffff', 'hex');

const types: [string, Partial<RawEntry>][] = [
  ['file', {}],
  ['dir', { type: 'dir' }],
  ['char', { type: 'char', devMajor: 1, devMinor: 3 }],
  ['block', { type: 'block', devMajor: 7, devMinor: 1 }],
  ['fifo', { type: 'fifo' }],
];
const modes = [0o755, 0o4755, 0o2755, 0o1777, 0o6711, 0o7777, 0o4000, 0o2060];
const owners = [
  { uid: 0, gid: 0 },
  { uid: 1000, gid: 1000 },
  { uid: 0, gid: 1000 },
  { uid: 1000, gid: 0 },
];

/** Every type with every mode and owner. @param parent '' or a directory with a slash at the end */
function everything(parent: string): RawEntry[] {
  return types.flatMap(([kind, entry]) =>
    modes.flatMap((mode) =>
      owners.map((owner) => {
        const name = `${parent}${kind}-${mode.toString(8)}-${owner.uid}-${owner.gid}`;
        return { ...entry, ...owner, name, mode } as RawEntry;
      }),
    ),
  );
}

const parents: [string, RawEntry[]][] = [
  ['', []],
  ['setgid/', [dir('setgid', { mode: 0o2755, gid: 5 })]],
  ['acl/', [dir('acl', { xattrs: { 'system.posix_acl_default': acl } })]],
];

for (const whiteouts of [null, 'overlay'] as const) {
  for (const [parent, above] of parents) {
    for (const hostID of [0, 100_000]) {
      rootTest(
        `whiteouts ${whiteouts}: modes and owners in ${parent || 'the root'}, ids from ${hostID}`,
        (t) => {
          const range = [{ containerID: 0, hostID, size: 65_536 }];
          const entries = everything(parent);
          const map = { uidMappings: range, gidMappings: range, rootless: false };
          const { root } = apply(t, [[...above, ...entries]], { whiteouts, map });
          const wrong = entries.filter(({ name, mode, uid, gid }) => {
            const stat = lstatSync(join(root, String(name)));
            const owner = { uid: uid! + hostID, gid: gid! + hostID };
            return (stat.mode & 0o7777) !== mode || stat.uid !== owner.uid || stat.gid !== owner.gid;
          });
          t.deepEqual(
            wrong.map(({ name }) => name),
            [],
          );
        },
      );
    }
  }
}
