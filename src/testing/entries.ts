import type { RawEntry } from './tar.js';

/** Short constructors for the most common entries of test layers. */

export function dir(name: string, more: Partial<RawEntry> = {}): RawEntry {
  return { name, type: 'dir', ...more };
}

export function file(
  name: string,
  content: RawEntry['content'] = '',
  more: Partial<RawEntry> = {},
): RawEntry {
  return { name, content, ...more };
}

export function symlink(name: string, linkname: string): RawEntry {
  return { name, type: 'symlink', linkname };
}

export function hardlink(name: string, linkname: string): RawEntry {
  return { name, type: 'hardlink', linkname };
}
