/** A file system in a file, on a loop device: its state is copied for each trial, and its power can fail. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ioctl } from '../../src/system/ioctl.js';

export type FileSystem = 'ext4' | 'xfs' | 'btrfs';

const make: Readonly<Record<FileSystem, { size: string; command: string[] }>> = {
  ext4: { size: '64M', command: ['mkfs.ext4', '-q', '-F'] },
  xfs: { size: '320M', command: ['mkfs.xfs', '-q', '-f'] },
  btrfs: { size: '320M', command: ['mkfs.btrfs', '-q', '-f', '-m', 'single'] },
};

/** What is still on the disk after a power loss: `log`: the journal up to now, without file data; `nothing`: what was flushed. */
export type Loss = 'log' | 'nothing';

/** EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same number, and have the same flags. */
const shutdown = 0x8004587d;
const flags: Readonly<Record<Loss, number>> = { log: 1, nothing: 2 };
const bootFile = '/proc/sys/kernel/random/boot_id';
const laterBoot = '00000000-0000-4000-8000-000000000002\n';

/** True after {@link Disk.losePower}, for each process that sees its disk. */
export const isAfterLoss = (): boolean => readFileSync(bootFile, 'utf8') === laterBoot;

export class Disk {
  /** where the file system is mounted */
  readonly root: string;
  readonly #image: string;
  readonly #saved: string;
  readonly #boot: string;

  /** @param dir an empty directory, on a tmpfs for speed */
  constructor(dir: string, type: FileSystem) {
    this.root = join(dir, 'm');
    this.#image = join(dir, 'disk');
    this.#saved = join(dir, 'saved');
    this.#boot = join(dir, 'boot');
    mkdirSync(this.root, { recursive: true });
    const { size, command } = make[type];
    execFileSync('truncate', ['-s', size, this.#image]);
    execFileSync(command[0]!, [...command.slice(1), this.#image], { stdio: 'ignore' });
    this.mount();
  }

  /** Mounts it under the present boot. */
  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.root]);
  }

  /** Keeps its present state for {@link restore}; it is not mounted afterwards. */
  save(): void {
    this.unmount();
    this.#copy(this.#image, this.#saved);
  }

  /** Mounts the state that {@link save} kept. */
  restore(): void {
    this.#copy(this.#saved, this.#image);
    this.mount();
  }

  /** Mounts what a power loss at this moment leaves, under another boot. */
  losePower(loss: Loss): void {
    const flag = Buffer.alloc(4);
    flag.writeUInt32LE(flags[loss]);
    const fd = openSync(this.root, 'r');
    try {
      ioctl(fd, shutdown, flag, this.root);
    } finally {
      closeSync(fd);
    }
    this.unmount();
    writeFileSync(this.#boot, laterBoot);
    execFileSync('mount', ['--bind', this.#boot, bootFile]);
    this.mount();
  }

  /** Unmounts it and all that is mounted in it, and goes back to the present boot. */
  unmount(): void {
    spawnSync('umount', ['-q', bootFile]);
    // a command that ended, or was killed, may have left a process that flushes the store
    for (let tries = 0; ; tries++) {
      const { status, stderr } = spawnSync('umount', ['-R', this.root], { encoding: 'utf8' });
      if (status === 0) return;
      if (tries === 100) throw new Error(`${this.root} stays busy: ${stderr}`);
      execFileSync('sleep', ['0.1']);
    }
  }

  /** Removes it. */
  remove(): void {
    spawnSync('umount', ['-q', bootFile]);
    spawnSync('umount', ['-l', '-R', '-q', this.root]);
    for (const file of [this.#image, this.#saved, this.#boot]) rmSync(file, { force: true });
  }

  #copy(from: string, to: string): void {
    execFileSync('cp', ['--sparse=always', from, to]);
  }
}
