import { execFileSync } from 'node:child_process';

/** The user 1000 may read everything, so that the package may be anywhere. */
const script = `set -e
mount -t tmpfs none /mnt
mknod /mnt/fuse c 10 229
chmod 666 /mnt/fuse
mount --bind /mnt/fuse /dev/fuse
exec setpriv --reuid=1000 --regid=1000 --clear-groups \\
  --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "$@"`;

/**
 * Runs a program as the user 1000, in mount and process namespaces of its own that end with it, with a /dev/fuse that all
 * may open, as nearly everywhere. Needs root, setpriv and unshare.
 *
 * @returns its stdout
 * @throws if its exit status is not 0
 */
export function runRootless(argv: string[], env: NodeJS.ProcessEnv = {}): string {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return execFileSync('unshare', [...namespaces, 'sh', '-c', script, 'sh', ...argv], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}
