import { readFileSync } from 'node:fs';

/** Returns names of users and groups; undefined for a number without a name. */
export interface OwnerNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

/** Returns the names in /etc/passwd and /etc/group of this machine, which are read on first use. */
export function systemOwnerNames(): OwnerNames {
  let users: Map<number, string> | undefined;
  let groups: Map<number, string> | undefined;
  return {
    user(uid) {
      users ??= readNames('/etc/passwd');
      return users.get(uid);
    },
    group(gid) {
      groups ??= readNames('/etc/group');
      return groups.get(gid);
    },
  };
}

/** Reads passwd(5) or group(5): both have the name first and the number third. The first line for a number counts. */
function readNames(file: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of readLines(file)) {
    const [name, , id] = line.split(':');
    if (name && id && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

/** Returns the lines of a file; a missing file is empty. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'latin1').split('\n');
  } catch {
    return [];
  }
}
