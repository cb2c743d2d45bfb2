import { existsSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { check, cString, libcFunction, result } from './libc.js';
import { tryMount } from './mount-calls.js';
import type { OverlayRequest, Refusal } from './overlay-fscontext.js';
import { escapeOverlayPath, joinLowerdirs, type OverlayDirs } from './overlay-options.js';

/** largest size of the options of mount(2), in bytes: a page, less the NUL */
const maxData = 4095;

const libcChdir = libcFunction<[path: Buffer]>('int chdir(void*)');
const libcFchdir = libcFunction<[fd: number]>('int fchdir(int)');

/**
 * Mounts an overlay through mount(2), whose options must fit into a page. Longer options name the directories relative to
 * their common parent: this changes the working directory and restores it before it returns.
 *
 * @returns null if the overlay is mounted
 */
export function mountByOptions(request: OverlayRequest, target: ByteString): Refusal | null {
  const refusal = attempt(request, target);
  if (refusal?.errno !== E.EINVAL) return refusal;
  // the first attempt has loaded the module, whose parameters show which options exist
  const options = request.options.filter(([name]) => isKnown(name));
  return options.length === request.options.length ? refusal : attempt({ ...request, options }, target);
}

function attempt(request: OverlayRequest, target: ByteString): Refusal | null {
  const { source, flags } = request;
  const mount = (data: ByteString) => asRefusal(tryMount(source, target, 'overlay', flags, data));
  const absolute = optionText(request);
  if (absolute.length <= maxData) return mount(absolute);
  const base = commonDirectory(request);
  const relative = optionText(relativeTo(base, request));
  if (relative.length > maxData) return tooLong(relative.length);
  return inDirectory(base, () => mount(relative));
}

function optionText({ lowerdirs, upperdir, workdir, options }: OverlayRequest): ByteString {
  const words = options.map(([name, value]) => (value === null ? name : `${name}=${value}`));
  if (upperdir !== undefined) words.push(`upperdir=${escapeOverlayPath(upperdir)}`);
  if (workdir !== undefined) words.push(`workdir=${escapeOverlayPath(workdir)}`);
  return [...words, `lowerdir=${joinLowerdirs(lowerdirs)}`].join(',');
}

/** Returns the deepest directory that contains all directories of the overlay, with a slash at the end. */
function commonDirectory({ lowerdirs, upperdir, workdir }: OverlayDirs): ByteString {
  const [first = '/', ...rest] = [...lowerdirs, upperdir, workdir].filter((path) => path !== undefined);
  let end = first.lastIndexOf('/');
  while (!rest.every((path) => path.startsWith(first.slice(0, end + 1))))
    end = first.lastIndexOf('/', end - 1);
  return first.slice(0, end + 1);
}

function relativeTo(base: ByteString, request: OverlayRequest): OverlayRequest {
  const cut = (path: ByteString) => path.slice(base.length);
  const { lowerdirs, upperdir, workdir } = request;
  return {
    ...request,
    lowerdirs: lowerdirs.map(cut),
    upperdir: upperdir && cut(upperdir),
    workdir: workdir && cut(workdir),
  };
}

function inDirectory<T>(directory: ByteString, work: () => T): T {
  const before = openat(AT_FDCWD, '.', O.PATH | O.DIRECTORY);
  try {
    check(result(libcChdir(cString(directory))), 'chdir', directory);
    try {
      return work();
    } finally {
      check(result(libcFchdir(before)), 'fchdir', '.');
    }
  } finally {
    close(before);
  }
}

/** True if the kernel knows an option. Options that can be turned off have a module parameter; others are not checked. */
function isKnown(option: string): boolean {
  const parameter = option === 'xino' ? 'xino_auto' : option;
  if (!['redirect_dir', 'metacopy', 'index', 'xino_auto'].includes(parameter)) return true;
  return existsSync(`/sys/module/overlay/parameters/${parameter}`);
}

function asRefusal(done: number): Refusal | null {
  return done < 0 ? { errno: -done, log: [] } : null;
}

function tooLong(length: number): Refusal {
  const says = `its layers need ${length} bytes of options, but this kernel (before Linux 6.7) accepts ${maxData}`;
  return { errno: E.E2BIG, log: [`e ${says}`] };
}
