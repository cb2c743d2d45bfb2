import { chownSync, mkdirSync, utimesSync } from 'node:fs';
import { hostID } from '../../layer/apply/owners.js';
import type { MapOptions } from '../../layer/types.js';

/** Creates the root directory with the attributes that umoci gives it before any layer. */
export function makeRootfs(rootfs: string, map: MapOptions): void {
  mkdirSync(rootfs, { mode: 0o755 });
  if (!map.rootless)
    chownSync(rootfs, hostID(0, map.uidMappings, 'uid', '.'), hostID(0, map.gidMappings, 'gid', '.'));
  utimesSync(rootfs, 0, 0);
}
