import { fstatSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createFile, fsError, removeFile } from 'layerhook';
import { close } from 'layerhook/system';
import type { FileTime } from './stat-index.js';

const nsPerSec = 1_000_000_000n;
/** Maximum wait in ms: the clock for file times moves in steps of up to 10 ms; some filesystems keep only whole seconds. */
const patience = 2500;

/** Returns the time that the filesystem of a directory would give a file now. */
export function fileClock(directory: string): FileTime {
  return withProbe(directory, (touch) => touch());
}

/**
 * Waits until the filesystem's clock has advanced, which takes a few ms. A file that was changed before the call and not
 * after it has an earlier ctime than the returned time.
 */
export async function nextTick(directory: string): Promise<FileTime> {
  return withProbe(directory, async (touch) => {
    const start = touch();
    const end = performance.now() + patience;
    for (;;) {
      const now = touch();
      if (now.sec !== start.sec || now.nsec !== start.nsec || performance.now() > end) return now;
      await wait(1);
    }
  });
}

/** @throws LayerhookError SYSTEM, NO_SPACE */
function withProbe<T>(directory: string, use: (touch: () => FileTime) => T): T {
  const path = `${directory}/layerhook.clock`;
  const fd = named(path, () => createFile(path, 0o600));
  const end = () => {
    close(fd);
    removeFile(path);
  };
  const touch = () =>
    named(path, () => {
      writeSync(fd, '.', 0);
      const { ctimeNs } = fstatSync(fd, { bigint: true });
      return { sec: Number(ctimeNs / nsPerSec), nsec: Number(ctimeNs % nsPerSec) };
    });
  try {
    const result = use(touch);
    if (result instanceof Promise) return result.finally(end) as T;
    end();
    return result;
  } catch (error) {
    end();
    throw error;
  }
}

function named<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fsError(error, `cannot write ${path}`);
  }
}
