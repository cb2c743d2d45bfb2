/** A file system on a loop device whose power can fail. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ioctl, ioctlNumber } from '../../src/system/ioctl.js';
import { tmpdir } from './tmp.js';

export interface PoweredDisk {
  /** where it is mounted */
  root: string;
  /** Mounts what a power loss leaves: `log`: the journal up to now, without file data; `nothing`: what was flushed. */
  losePower(left: 'log' | 'nothing'): void;
}

const makers = { ext4: ['mkfs.ext4', '-q', '-F'], xfs: ['mkfs.xfs', '-q', '-f'] } as const;
const flagsOf = { log: 1, nothing: 2 } as const;

export function poweredDisk(t: ExecutionContext<unknown>, type: keyof typeof makers): PoweredDisk {
  const dir = tmpdir(t);
  const [disk, root] = [join(dir, 'disk'), join(dir, 'm')];
  const [program, ...options] = makers[type];
  execFileSync('truncate', ['-s', '320M', disk]);
  execFileSync(program, [...options, disk]);
  mkdirSync(root);
  const mount = () => execFileSync('mount', ['-o', 'loop', disk, root]);
  mount();
  t.teardown(() => execFileSync('umount', ['-l', root]));
  return {
    root,
    losePower(left) {
      shutDown(root, flagsOf[left]);
      execFileSync('umount', [root]);
      mount();
    },
  };
}

/** EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same number, and have the same flags. */
function shutDown(path: string, flags: number): void {
  const fd = openSync(path, 'r');
  const argument = Buffer.alloc(4);
  argument.writeUInt32LE(flags);
  ioctl(fd, ioctlNumber('read', 0x58, 125, 4), argument, path);
  closeSync(fd);
}
