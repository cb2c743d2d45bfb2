import { existsSync } from 'node:fs';
import type { ByteString } from './bytes.js';
import { E } from './errno.js';
import { AT_FDCWD, close, O, openat } from './files.js';
import { check, cString, libcFunction, result } from './libc.js';
import { tryMount } from './mount-calls.js';
import type { OverlayRequest, Refusal } from './overlay-fscontext.js';
import { escapeOverlayPath, joinLowerdirs, type OverlayDirs } from './overlay-options.js';

/** what mount(2) takes of options: a page, with the NUL at its end */
const DATA_MAX = 4095;

const libcChdir = libcFunction<[path: Buffer]>('chdir', 'int', ['void*']);
const libcFchdir = libcFunction<[fd: number]>('fchdir', 'int', ['int']);

/**
 * Mounts an overlay through mount(2), whose options must fit a page. Where they do not, the directories are named
 * relative to the one that they have in common: the working directory changes and is back before this returns.
 */
export function mountByOptions(request: OverlayRequest, target: ByteString): Refusal | null {
  const refusal = attempt(request, target);
  if (refusal?.errno !== E.EINVAL) return refusal;
  // now that it has been asked for, the module is loaded and says which options it has
  const options = request.options.filter(([name]) => isKnown(name));
  return options.length === request.options.length ? refusal : attempt({ ...request, options }, target);
}

function attempt(request: OverlayRequest, target: ByteString): Refusal | null {
  const { source, flags } = request;
  const mount = (data: ByteString) => asRefusal(tryMount(source, target, 'overlay', flags, data));
  const absolute = optionText(request);
  if (absolute.length <= DATA_MAX) return mount(absolute);
  const base = commonDirectory(request);
  const relative = optionText(relativeTo(base, request));
  if (relative.length > DATA_MAX) return tooLong(relative.length);
  return inDirectory(base, () => mount(relative));
}

function optionText({ lowerdirs, upperdir, workdir, options }: OverlayRequest): ByteString {
  const words = options.map(([name, value]) => (value === null ? name : `${name}=${value}`));
  if (upperdir !== undefined) words.push(`upperdir=${escapeOverlayPath(upperdir)}`);
  if (workdir !== undefined) words.push(`workdir=${escapeOverlayPath(workdir)}`);
  return [...words, `lowerdir=${joinLowerdirs(lowerdirs)}`].join(',');
}

/** The deepest directory that holds all of them, with a slash at its end. */
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

/** Options that can be switched off are module parameters too; those that there are no parameters of are left alone. */
function isKnown(option: string): boolean {
  const parameter = option === 'xino' ? 'xino_auto' : option;
  if (!['redirect_dir', 'metacopy', 'index', 'xino_auto'].includes(parameter)) return true;
  return existsSync(`/sys/module/overlay/parameters/${parameter}`);
}

function asRefusal(done: number): Refusal | null {
  return done < 0 ? { errno: -done, log: [] } : null;
}

function tooLong(length: number): Refusal {
  const says = `its layers need ${length} bytes of options, this kernel takes ${DATA_MAX} (before Linux 6.7)`;
  return { errno: E.E2BIG, log: [`e ${says}`] };
}
