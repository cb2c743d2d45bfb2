import { openSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';
import { fsError } from '../../errors/fs-error.js';
import { fromText } from '../../system/bytes.js';
import { writeAndClose } from '../../system/close-on-error.js';

/** Suffix of the profiles that browsers and VS Code open. */
const v8Suffix = '.cpuprofile';

/**
 * Runs `work` under V8's sampling profiler and writes the CPU profile of this thread to a file: as V8's JSON if the file
 * is named *.cpuprofile, otherwise in pprof's format, as umoci does. The profile is written if `work` fails, too.
 *
 * @returns the result of `work`
 * @throws LayerhookError SYSTEM if the file cannot be created, and the errors of `work`
 */
export async function recordProfile<T>(file: string, work: () => Promise<T>): Promise<T> {
  // opened first: a path that cannot be written stops the command before it changes anything
  const fd = openProfile(file);
  return writeAndClose(fd, fromText(file), () =>
    profiled(work, async (profile) => writeFileSync(fd, await encode(profile, file))),
  );
}

async function profiled<T>(
  work: () => Promise<T>,
  save: (profile: Profiler.Profile) => Promise<void>,
): Promise<T> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  try {
    return await work();
  } finally {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await save(profile);
  }
}

function openProfile(file: string): number {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw fsError(error, `cannot create ${file}`);
  }
}

async function encode(profile: Profiler.Profile, file: string): Promise<string | Buffer> {
  if (file.endsWith(v8Suffix)) return JSON.stringify(profile);
  return (await import('./pprof.js')).toPprof(profile);
}
