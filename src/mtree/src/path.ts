/** Cleans a path lexically and keeps it below the root: `./a//b` becomes `a/b`, `../../a` becomes `a`; the root is `.`. */
export function cleanPath(path: string): string {
  if (isClean(path)) return path;
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.length === 0 ? '.' : names.join('/');
}

/** Returns the path of `name` in the directory `parent`. */
export function joinPath(parent: string, name: string): string {
  return parent === '.' ? name : `${parent}/${name}`;
}

/** Returns the parent of a path; `.` is the root. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '.' : path.slice(0, slash);
}

/** Returns the last component of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** True if the set contains a directory above `path`. */
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
