import { spawnSync } from 'node:child_process';
import test from 'ava';
import { requires } from '../../helpers/requires.js';
import { tmpdir } from '../../helpers/tmp.js';
import { script } from './setup.js';

const daemon = `
import socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind('/dev/log')
log.settimeout(60)
subprocess.run(sys.argv[1:], input=b'{"id": "100%s"}', stderr=subprocess.DEVNULL)
for line in range(2): sys.stdout.buffer.write(log.recv(4096) + b'\\n')
`;

test('--syslog: the daemon gets each line, with its priority', (t) => {
  if (!requires(t, 'root', 'unshare', 'python3')) return;
  // a /dev of its own: no other process has its socket
  const shell = 'mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; exec "$0" "$@"';
  const hook = [process.execPath, script, '--syslog', '--state-dir', tmpdir(t)];
  const python = ['python3', '-c', daemon, ...hook];
  const args = ['-m', '--propagation', 'private', 'sh', '-ec', shell, ...python];
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  const [first, second] = stdout.split('\n');
  t.regex(first!, /^<30>.* archive_overlay\[\d+\]: level=info msg="Run archive_overlay/, stderr);
  t.regex(
    second!,
    /^<27>.*level=error msg="cannot archive the container: the state of container 100%s names no bundle/,
  );
});
