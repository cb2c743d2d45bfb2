import { errnoName } from '../errors/errno.js';
import { codeWords } from '../errors/fs-error.js';
import { LayerhookError } from '../errors/index.js';
import { type ByteString, showBytes } from './bytes.js';
import { E, SystemError } from './errno.js';
import { AT_FDCWD, close, O, openat, tryOpenat } from './files.js';
import { tryIoctl } from './ioctl.js';
import { MS, tryMount } from './mount-calls.js';
import { type Explanation, explainMount } from './mount-errors.js';

const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
/** Offsets in struct loop_config; include/uapi/linux/loop.h */
const loopConfig = { fd: 0, flags: 60, size: 304 } as const;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;
/** node:os has no name for this errno. */
const ENOTBLK = 15;
const nothing = Buffer.alloc(8);
/** Attempts to get a loop device that no other process takes meanwhile. */
const attempts = 64;

/**
 * Mounts an EROFS image read-only at the directory `target`, directly from its file (Linux 6.12), or through a loop device,
 * which goes away with the mount, where the kernel or the filesystem of the file supports only that (tmpfs).
 *
 * @param image path of the file
 * @throws LayerhookError MOUNT_FAILED
 */
export function mountErofs(image: ByteString, target: ByteString): void {
  const done = tryMountErofs(image, target);
  if (done >= 0) return;
  const cause = new SystemError(-done, 'mount', target);
  const what = `the EROFS image ${showBytes(image)}`;
  const why = explain(image, target, -done);
  throw new LayerhookError('MOUNT_FAILED', { what, path: showBytes(target), ...why }, cause);
}

/** Does the same as {@link mountErofs}. @returns 0, or a negative errno */
export function tryMountErofs(image: ByteString, target: ByteString): number {
  const done = tryMount(image, target, 'erofs', MS.RDONLY, null);
  return done === -ENOTBLK ? tryMountByLoop(image, target) : done;
}

function tryMountByLoop(image: ByteString, target: ByteString): number {
  const file = openat(AT_FDCWD, image, O.RDONLY | O.CLOEXEC | O.NOFOLLOW);
  try {
    const device = attachLoop(file);
    if (typeof device === 'number') return device;
    try {
      return tryMount(device.path, target, 'erofs', MS.RDONLY, null);
    } finally {
      // the device goes away with its last user: the mount
      close(device.fd);
    }
  } finally {
    close(file);
  }
}

/** Attaches a file to a free loop device; loop(4). @returns the open device, or a negative errno */
function attachLoop(file: number): { path: ByteString; fd: number } | number {
  const control = tryOpenat(AT_FDCWD, '/dev/loop-control', O.RDWR | O.CLOEXEC);
  if (control < 0) return control;
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const number = tryIoctl(control, LOOP_CTL_GET_FREE, nothing);
      if (number < 0) return number;
      const path = `/dev/loop${number}`;
      const fd = tryOpenat(AT_FDCWD, path, O.RDONLY | O.CLOEXEC);
      if (fd < 0) return fd;
      const done = configureLoop(fd, file);
      if (done >= 0) return { path, fd };
      close(fd);
      if (done !== -E.EBUSY) return done;
    }
    return -E.EBUSY;
  } finally {
    close(control);
  }
}

function configureLoop(device: number, file: number): number {
  const config = Buffer.alloc(loopConfig.size);
  config.writeUInt32LE(file, loopConfig.fd);
  config.writeUInt32LE(LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR, loopConfig.flags);
  return tryIoctl(device, LOOP_CONFIGURE, config);
}

function explain(image: ByteString, target: ByteString, errno: number): Explanation {
  const expected = 'use the overlay driver';
  if (errno === E.ENODEV)
    return { reason: 'the kernel has no EROFS', expected: `load the erofs module, or ${expected}` };
  if (errno === E.EINVAL || errno === E.EIO || errno === E.ENOTSUP)
    return {
      reason: `the kernel cannot read the image: ${codeWords(errnoName(errno))}`,
      expected: `use Linux 6.4 or later, or ${expected}`,
    };
  return explainMount(image, target, errno);
}
