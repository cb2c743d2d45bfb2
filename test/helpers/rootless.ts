import { execFileSync } from 'node:child_process';

/** Lets the user 1000 read all files, so that the package may be in any directory. */
const script = `set -e
mount -t tmpfs none /mnt
mknod /mnt/fuse c 10 229
chmod 666 /mnt/fuse
mount --bind /mnt/fuse /dev/fuse
exec setpriv --reuid=1000 --regid=1000 --clear-groups \\
  --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "$@"`;

/**
 * Runs a program as the user 1000 in new mount and process namespaces, with a /dev/fuse that all users may open, as on most
 * systems. Needs root, setpriv and unshare.
 *
 * @returns the program's stdout
 * @throws if the exit status is not 0
 */
export function runRootless(argv: string[], env: NodeJS.ProcessEnv = {}): string {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  return execFileSync('unshare', [...namespaces, 'sh', '-c', script, 'sh', ...argv], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}
