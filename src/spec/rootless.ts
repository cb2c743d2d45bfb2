import { readFileSync, realpathSync } from 'node:fs';
import type { Mount, RuntimeSpec } from './types.js';

const resolvConf = '/etc/resolv.conf';

/**
 * Returns the spec for a container without privileges, as umoci does. Removes what needs privileges: supplementary
 * groups, the network namespace, mounts below /sys, owners in mount options, cgroup limits. Adds a user namespace, and
 * the host's /sys and resolv.conf read-only.
 */
export function toRootless(spec: RuntimeSpec): RuntimeSpec {
  const { additionalGids: _, ...user } = spec.process.user;
  const { resources: __, ...linux } = spec.linux;
  const namespaces = linux.namespaces.filter(({ type }) => type !== 'network' && type !== 'user');
  return {
    ...spec,
    process: { ...spec.process, user },
    mounts: rootlessMounts(spec.mounts),
    linux: { ...linux, namespaces: [...namespaces, { type: 'user' }] },
  };
}

function rootlessMounts(mounts: readonly Mount[]): Mount[] {
  const kept = mounts
    .filter(({ destination }) => !destination.startsWith('/sys'))
    .map((mount) =>
      mount.options ? { ...mount, options: mount.options.filter((option) => !isOwner(option)) } : mount,
    );
  kept.push({
    destination: '/sys',
    type: 'bind',
    source: '/sys',
    options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'],
  });
  const locked = lockedFlags(resolvConf);
  if (locked === undefined) return kept;
  const options = [...locked, 'rbind', 'ro'];
  return [...kept, { destination: resolvConf, type: 'bind', source: resolvConf, options }];
}

function isOwner(option: string): boolean {
  return option.startsWith('uid=') || option.startsWith('gid=');
}

/**
 * Returns the flags of the mount of this host that a path is on; undefined if the path does not exist. A bind mount in a
 * user namespace must keep these flags, mount_namespaces(7).
 */
function lockedFlags(path: string): string[] | undefined {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return undefined;
  }
  let options: string[] = [];
  let longest = 0;
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , , point, flags] = line.split(' ');
    if (point === undefined || flags === undefined) continue;
    const mountPoint = point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
    const holds = mountPoint === '/' || real === mountPoint || real.startsWith(`${mountPoint}/`);
    if (!holds || mountPoint.length < longest) continue;
    longest = mountPoint.length;
    options = flags.split(',');
  }
  return ['nodev', 'noexec', 'nosuid', 'noatime', 'nodiratime'].filter((flag) => options.includes(flag));
}
