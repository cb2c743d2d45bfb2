import { readFileSync } from 'node:fs';

/** Names of users and groups; undefined for a number without a name. */
export interface OwnerNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

/** The names in this machine's /etc/passwd and /etc/group, read when first asked for. */
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

/** passwd(5) and group(5) both have the name first and the number third; the first line of a number counts. */
function readNames(file: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of readLines(file)) {
    const [name, , id] = line.split(':');
    if (name && id && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

/** A machine may have neither file: then its owners have no names. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'latin1').split('\n');
  } catch {
    return [];
  }
}
