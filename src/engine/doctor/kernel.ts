import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { errorCode, systemWords } from '../../errors/fs-error.js';
import { chooseOverlay } from '../../overlay/overlay-support.js';
import { isInUserNamespace } from '../../system/user-namespace.js';
import { type DoctorFinding, fine, lacking } from './finding.js';

/** Looks at node, the kernel, overlays, EROFS and user namespaces. @param directory an existing directory of the store */
export function checkKernel(directory: string): DoctorFinding[] {
  return [node(), fine('kernel', release()), user(), overlay(directory), erofs(), userNamespaces()];
}

function node(): DoctorFinding {
  const { version } = process;
  const major = Number(version.slice(1).split('.')[0]);
  if (major >= 22) return fine('node', version);
  return lacking('slow', 'node', version, [
    'node 20 keeps no compiled code: a command starts 30 ms later',
    'install node 22 or 24',
  ]);
}

function user(): DoctorFinding {
  if (process.geteuid?.() === 0)
    return fine('user', isInUserNamespace() ? 'root of a user namespace' : 'root');
  return fine('user', `uid ${process.geteuid?.()}: unpack needs --rootless`);
}

function overlay(directory: string): DoctorFinding {
  const support = chooseOverlay(directory);
  if (support.by === 'kernel') return fine('overlayfs', 'mounted by the kernel');
  if (support.by === 'fuse') {
    return lacking('slow', 'overlayfs', `by ${support.program}, because ${support.reason}`, [
      'files are read and written through a process',
      'run as root, or in a user namespace with its own mounts',
    ]);
  }
  return lacking('missing', 'overlayfs', support.reason, [
    'the drivers overlay and erofs make plain bundles',
    'install fuse-overlayfs and fuse3, or run as root',
  ]);
}

function erofs(): DoctorFinding {
  const found = readProc('/proc/filesystems');
  if (/\terofs$/m.test(found)) return fine('EROFS', 'known to the kernel');
  return lacking('missing', 'EROFS', 'the kernel does not list it', [
    'the driver erofs falls back to overlay',
    'modprobe erofs (CONFIG_EROFS_FS)',
  ]);
}

function userNamespaces(): DoctorFinding {
  const limit = readProc('/proc/sys/user/max_user_namespaces').trim();
  const isAllowed = readProc('/proc/sys/kernel/unprivileged_userns_clone').trim() !== '0';
  if (limit !== '0' && isAllowed) return fine('user namespaces', 'allowed');
  return lacking('missing', 'user namespaces', 'switched off', [
    'ordinary users cannot run rootless containers',
    'sysctl user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1',
  ]);
}

/** Returns the text of a file of /proc, or '' if this kernel lacks the file. */
function readProc(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? '' : systemWords(error);
  }
}
