import { readFileSync } from 'node:fs';

/**
 * What the process's user namespace maps, read once. A process with several threads, as node is, cannot enter another user
 * namespace: unshare(2), setns(2). A warm unpack asked 15 times, which made 75 system calls.
 */
let idMap: string | undefined;

function readIdMap(): string {
  idMap ??= readFileSync('/proc/self/uid_map', 'latin1');
  return idMap;
}

/**
 * True if this process is in a user namespace other than the initial one. There, root lacks privileges over the host:
 * `trusted.*` xattrs and device nodes are out of reach. The initial namespace maps all IDs to themselves.
 *
 * Source: user_namespaces(7). Without /proc the answer is false.
 */
export function isInUserNamespace(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readIdMap());
  } catch {
    return false;
  }
}

/** Returns the ID of this process's user outside of the user namespace; user_namespaces(7). */
export function outerUser(): number {
  const own = process.geteuid!();
  try {
    for (const line of readIdMap().trim().split('\n')) {
      const [inside = 0, outside = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      if (own >= inside && own < inside + size) return outside + own - inside;
    }
  } catch {
    // no /proc
  }
  return own;
}
