/**
 * Cleans a path lexically and keeps it below the root: `./a//b` is `a/b`, `../../a` is `a`, the root is `.`.
 */
export function cleanPath(path: string): string {
  if (isClean(path)) return path;
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.length === 0 ? '.' : names.join('/');
}

/** The path of `name` in the directory `parent`. */
export function joinPath(parent: string, name: string): string {
  return parent === '.' ? name : `${parent}/${name}`;
}

/** The directory of a path; `.` for what lies in the root. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}

/** The last name of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether one of the directories above `path` is in the set. */
export function isBelow(path: string, directories: ReadonlySet<string>): boolean {
  if (directories.size === 0 || path === '.') return false;
  let parent = path;
  do {
    parent = parentPath(parent);
    if (directories.has(parent)) return true;
  } while (parent !== '.');
  return false;
}

function isClean(path: string): boolean {
  return path !== '' && !/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(path);
}
