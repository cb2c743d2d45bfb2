import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { mainFile } from './cli.js';

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

/** Mounts the package and node where all users may read them, and lets all users open /dev/fuse. */
const plainScript = `set -e
mount -t tmpfs none /mnt
chmod 755 /mnt
mkdir /mnt/package
mount --bind . /mnt/package
touch /mnt/node
mount --bind "$NODE" /mnt/node
mknod /mnt/fuse c 10 229
chmod 666 /mnt/fuse
mount --bind /mnt/fuse /dev/fuse
mkdir -p -m 1777 "$DIR/.var"
mount --bind "$DIR/.var" /var/tmp
echo 1000:100000:65536 >/mnt/subid
for file in /etc/subuid /etc/subgid; do mount --bind /mnt/subid $file; done
cd "$DIR"
lh() { /mnt/node "/mnt/package/$MAIN" "$@"; }
export -f lh
exec setpriv --reuid=1000 --regid=1000 --clear-groups "$@"`;

/**
 * Runs a bash script as the user 1000, without any capability, in new mount and process namespaces. `lh` is layerhook.
 * Needs root, setpriv and unshare.
 *
 * @param dir the working directory and `HOME`
 */
export function runAsUser(dir: string, script: string): SpawnSyncReturns<string> {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const command = ['bash', '-c', plainScript, 'sh', 'bash', '-c', `set -e\n${script}`];
  return spawnSync('unshare', [...namespaces, ...command], {
    encoding: 'utf8',
    env: {
      ...{ PATH: process.env.PATH, NO_COLOR: '1', HOME: dir, LAYERHOOK_STORE: `${dir}/store` },
      ...{ DIR: dir, NODE: process.execPath, MAIN: relative('.', mainFile) },
    },
  });
}
