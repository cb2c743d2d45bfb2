import { userInfo } from 'node:os';
import { packageVersion } from '../places.js';
import type { PointName } from '../points/points.js';

/**
 * All of the environment that an exec hook gets, besides `env` of its table: nothing of the caller's, whose
 * LD_PRELOAD or PATH could be another user's under sudo, and nothing of the image's (CVE-2025-23266).
 */
export function hookEnvironment(
  point: PointName,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: homeOfUser(),
    LANG: 'C.UTF-8',
    LAYERHOOK_POINT: point,
    LAYERHOOK_VERSION: packageVersion(),
    ...added,
  };
}

/** From the user database, not from `$HOME`. */
function homeOfUser(): string {
  try {
    return userInfo().homedir;
  } catch {
    // a uid without an entry
    return '/';
  }
}
