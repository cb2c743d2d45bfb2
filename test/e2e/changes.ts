import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { utf8 } from '../helpers/tar.js';

/**
 * A change of the Debian image's tag `changed`, and the entries that its layer must have for it:
 * `+path` for an entry, `-path` for a whiteout. Entries of directories whose times changed come on top.
 */
export interface Change {
  what: string;
  expect: string[];
  apply: (root: Root) => void;
}

/** The rootfs; `at` gives the bytes of a path in it (latin1 in, as tests write names). */
export class Root {
  constructor(readonly path: string) {}

  at(name: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.path}/`), Buffer.from(name, 'latin1')]);
  }

  write(name: string, content: string): void {
    fs.writeFileSync(this.at(name), content);
  }

  remove(name: string): void {
    const { path } = this;
    execFileSync('rm', ['-rf', '--', `${path}/${name}`]);
  }
}

export const changes: Change[] = [
  {
    what: 'file added',
    expect: ['+etc/added'],
    apply: (root) => root.write('etc/added', 'new\n'),
  },
  {
    what: 'file modified',
    expect: ['+etc/hosts.new', '+etc/profile'],
    apply: (root) => {
      fs.appendFileSync(root.at('etc/profile'), '# more\n');
      root.write('etc/hosts.new', '127.0.0.1 localhost\n');
    },
  },
  {
    what: 'file modified with its size and mtime kept',
    expect: ['+etc/issue.net'],
    apply: (root) => {
      const { atime, mtime, size } = fs.statSync(root.at('etc/issue.net'));
      root.write('etc/issue.net', 'X'.repeat(size));
      fs.utimesSync(root.at('etc/issue.net'), atime, mtime);
    },
  },
  {
    what: 'file deleted',
    expect: ['-etc/debian_version'],
    apply: (root) => root.remove('etc/debian_version'),
  },
  {
    what: 'directory deleted with all in it: one whiteout',
    expect: ['-usr/share/doc/tar'],
    apply: (root) => root.remove('usr/share/doc/tar'),
  },
  {
    what: 'directories added, one empty',
    expect: ['+srv2', '+srv2/deep', '+srv2/deep/file', '+srv2/empty'],
    apply: (root) => {
      fs.mkdirSync(root.at('srv2/deep'), { recursive: true });
      fs.mkdirSync(root.at('srv2/empty'), { mode: 0o700 });
      root.write('srv2/deep/file', 'deep');
    },
  },
  {
    what: 'symlink added',
    expect: ['+etc/link'],
    apply: (root) => fs.symlinkSync('motd', root.at('etc/link')),
  },
  {
    what: 'symlink with another target',
    expect: ['+etc/localtime'],
    apply: (root) => {
      fs.unlinkSync(root.at('etc/localtime'));
      fs.symlinkSync('/usr/share/zoneinfo/Europe/Berlin', root.at('etc/localtime'));
    },
  },
  {
    what: 'symlink replaced by a directory',
    expect: ['+etc/rmt', '+etc/rmt/in'],
    apply: (root) => {
      fs.unlinkSync(root.at('etc/rmt'));
      fs.mkdirSync(root.at('etc/rmt'));
      root.write('etc/rmt/in', 'in');
    },
  },
  {
    what: 'file replaced by a directory',
    expect: ['+etc/shells', '+etc/shells/one'],
    apply: (root) => {
      fs.unlinkSync(root.at('etc/shells'));
      fs.mkdirSync(root.at('etc/shells'));
      root.write('etc/shells/one', '/bin/sh');
    },
  },
  {
    what: 'directory replaced by a file: nothing is said of what was in it',
    expect: ['+usr/share/doc/bash'],
    apply: (root) => {
      root.remove('usr/share/doc/bash');
      root.write('usr/share/doc/bash', 'moved');
    },
  },
  {
    what: 'directory replaced by a symlink to /etc: no whiteout follows it there',
    expect: ['+usr/share/doc/coreutils'],
    apply: (root) => {
      root.remove('usr/share/doc/coreutils');
      fs.symlinkSync('/etc', root.at('usr/share/doc/coreutils'));
    },
  },
  {
    what: 'chmod of a file and of a directory',
    expect: ['+etc/fstab', '+etc/skel'],
    apply: (root) => {
      fs.chmodSync(root.at('etc/fstab'), 0o600);
      fs.chmodSync(root.at('etc/skel'), 0o3711);
    },
  },
  {
    what: 'chown of a file and of a symlink',
    expect: ['+etc/adduser.conf', '+etc/os-release'],
    apply: (root) => {
      fs.chownSync(root.at('etc/adduser.conf'), 12, 3_000_000_000);
      fs.lchownSync(root.at('etc/os-release'), 7, 7);
    },
  },
  {
    what: 'touch',
    expect: ['+etc/nsswitch.conf'],
    apply: (root) => fs.utimesSync(root.at('etc/nsswitch.conf'), 1_600_000_000, 1_600_000_000),
  },
  {
    what: 'extended attribute added, changed, removed',
    expect: ['+etc/environment', '+opt/xattr', '+opt/xattr-dir'],
    apply: (root) => {
      setxattr(root, 'etc/environment', 'user.added', '0x00ff0a');
      setxattr(root, 'opt/xattr', 'user.text', '0x77');
      execFileSync('setfattr', ['-x', 'user.binary', `${root.path}/opt/xattr`]);
      execFileSync('setfattr', ['-x', 'trusted.note', `${root.path}/opt/xattr-dir`]);
    },
  },
  {
    what: 'setuid bit set',
    expect: ['+usr/bin/tar'],
    apply: (root) => fs.chmodSync(root.at('usr/bin/tar'), 0o4755),
  },
  {
    what: 'capability given and taken',
    expect: ['+opt/caps', '+usr/bin/cat'],
    apply: (root) => {
      setxattr(root, 'usr/bin/cat', 'security.capability', '0x0100000200040000000000000000000000000000');
      execFileSync('setfattr', ['-x', 'security.capability', `${root.path}/opt/caps`]);
    },
  },
  {
    what: 'hardlink added to a single file, and to a group',
    expect: ['+usr/bin/head', '+usr/bin/head2', '+usr/bin/gunzip', '+usr/bin/uncompress', '+usr/bin/gunzip2'],
    apply: (root) => {
      fs.linkSync(root.at('usr/bin/head'), root.at('usr/bin/head2'));
      fs.linkSync(root.at('usr/bin/gunzip'), root.at('usr/bin/gunzip2'));
    },
  },
  {
    what: 'member of a hardlink group changed: all names change',
    expect: ['+usr/bin/perlbug', '+usr/bin/perlthanks'],
    apply: (root) => fs.appendFileSync(root.at('usr/bin/perlbug'), '# more\n'),
  },
  {
    what: 'member of a hardlink group made a file of its own, with the same content',
    expect: ['+opt/bash', '+usr/bin/bash'],
    apply: (root) => {
      execFileSync('cp', ['-p', `${root.path}/opt/bash`, `${root.path}/opt/bash.copy`]);
      fs.renameSync(root.at('opt/bash.copy'), root.at('opt/bash'));
    },
  },
  {
    what: 'fifo, devices, device with another number',
    expect: ['+opt/block', '+opt/char', '+opt/fifo2', '+opt/null'],
    apply: (root) => {
      fs.unlinkSync(root.at('opt/null'));
      execFileSync('mknod', ['-m', '666', `${root.path}/opt/null`, 'c', '1', '5']);
      execFileSync('mknod', [`${root.path}/opt/char`, 'c', '300', '70000']);
      execFileSync('mknod', [`${root.path}/opt/block`, 'b', '8', '1']);
      execFileSync('mkfifo', [`${root.path}/opt/fifo2`]);
    },
  },
  {
    what: 'names with a newline, of other bytes, with spaces at the ends, very long',
    expect: ['+opt/a\nb', '+opt/\xff\xfe', '+opt/ ends ', `+opt/${'n'.repeat(255)}`, `+${utf8('opt/ü')}`],
    apply: (root) => {
      for (const name of ['a\nb', '\xff\xfe', ' ends ', 'n'.repeat(255), utf8('ü')])
        root.write(`opt/${name}`, name);
    },
  },
  {
    what: 'odd names deleted',
    expect: ['-opt/new\nline', '-opt/not\xff\xfeutf8'],
    apply: (root) => {
      fs.unlinkSync(root.at('opt/new\nline'));
      fs.unlinkSync(root.at('opt/not\xff\xfeutf8'));
    },
  },
  {
    what: 'file and directory renamed',
    expect: ['-etc/bash.bashrc', '+etc/bashrc', '-etc/cron.d', '+etc/cron.e', '+etc/cron.e/e2scrub_all'],
    apply: (root) => {
      fs.renameSync(root.at('etc/bash.bashrc'), root.at('etc/bashrc'));
      // overlayfs without redirects does not rename directories of lower layers
      execFileSync('mv', [root.at('etc/cron.d'), root.at('etc/cron.e')].map(String));
    },
  },
  {
    what: 'two files swapped',
    expect: ['+etc/gai.conf', '+etc/host.conf'],
    apply: (root) => {
      fs.renameSync(root.at('etc/gai.conf'), root.at('etc/swap'));
      fs.renameSync(root.at('etc/host.conf'), root.at('etc/gai.conf'));
      fs.renameSync(root.at('etc/swap'), root.at('etc/host.conf'));
    },
  },
];

/** Changes that umoci 0.4.7 does not see, or packs wrongly. */
export const umociMisses = new Set([
  'directory replaced by a file: nothing is said of what was in it',
  'directory replaced by a symlink to /etc: no whiteout follows it there',
  'hardlink added to a single file, and to a group',
  'member of a hardlink group made a file of its own, with the same content',
]);

/** Makes changes to a rootfs, by default all. */
export function applyChanges(rootfs: string, list: Change[] = changes): void {
  const root = new Root(rootfs);
  for (const change of list) change.apply(root);
}

function setxattr(root: Root, name: string, key: string, value: string): void {
  execFileSync('setfattr', ['-n', key, '-v', value, `${root.path}/${name}`]);
}
