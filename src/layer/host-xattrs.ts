import type { ByteString } from '../system/bytes.js';

/** SELinux labels and NFSv4 access lists; umoci leaves out the same. */
const hostXattrs: ReadonlySet<ByteString> = new Set(['security.selinux', 'system.nfs4_acl']);

/** Returns true if an extended attribute belongs to the host: it never goes into an image, a layer or another file. */
export function isHostXattr(name: ByteString): boolean {
  return hostXattrs.has(name);
}
