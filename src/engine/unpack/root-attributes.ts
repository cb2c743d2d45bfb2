import { chmodSync, chownSync, utimesSync } from 'node:fs';
import { hostID } from '../../layer/apply/owners.js';
import type { MapOptions } from '../../layer/types.js';

/** Gives a directory the attributes that a root directory has before any layer: mode 0755, owned by the root of the map, time 0. */
export function setRootAttributes(directory: string, map: MapOptions): void {
  const { uidMappings, gidMappings, rootless } = map;
  if (!rootless) chownSync(directory, hostID(0, uidMappings, 'uid', '.'), hostID(0, gidMappings, 'gid', '.'));
  chmodSync(directory, 0o755);
  utimesSync(directory, 0, 0);
}
