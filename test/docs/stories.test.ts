/** README's five stories, run as they stand in the README, by the programs and daemons that a user has. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { fillRootfs } from '../demo/rootfs.js';
import { startRegistry } from '../e2e/registry.js';
import { mainFile, run } from '../helpers/cli.js';
import { onOwnMachine, ownHome } from '../helpers/own-machine.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const section = /## Five stories\n([\s\S]*?)\n## /.exec(readFileSync('README.md', 'utf8'))![1]!;
const [setUp, ...stories] = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code!);

/** Starts containerd, where systemd would: `systemctl restart containerd`. */
const systemctl = `#!/bin/sh
[ "$*" = 'restart containerd' ] || exit 1
containerd > "$HOME/containerd.log" 2>&1 &
echo $! > "$(dirname "$PWD")/containerd.pid"
until ctr version > /dev/null 2>&1; do sleep 0.1; done
`;

/** Makes an image of this machine's own programs that passes for Debian's. */
function smallDebian(t: ExecutionContext): string {
  const rootfs = tmpdir(t);
  fillRootfs(rootfs);
  mkdirSync(join(rootfs, 'usr/bin'), { recursive: true });
  writeFileSync(join(rootfs, 'usr/bin/wall'), 'a program');
  writeFileSync(join(rootfs, 'etc/debian_version'), '12.0\n');
  const tar = join(tmpdir(t), 'rootfs.tar');
  execFileSync('tar', ['-C', rootfs, '--owner=0', '--group=0', '-cf', tar, '.']);
  const layout = join(tmpdir(t), 'image');
  const image = `${layout}:base`;
  execFileSync(mainFile, ['init', '--layout', layout]);
  execFileSync(mainFile, ['import', '--image', image, tar]);
  execFileSync(mainFile, ['config', '--image', image, '--config.cmd', '/bin/sh']);
  return image;
}

test('the five stories of the README run', async (t) => {
  const peers = [
    'docker-registry',
    'skopeo',
    'runc',
    'containerd',
    'ctr',
    'podman',
    'jq',
    'script',
    'unshare',
  ];
  if (!requires(t, 'root', ...peers)) return;
  t.is(stories.length, 5);
  const registry = await startRegistry(t);
  const [image, debian] = [smallDebian(t), `docker://${registry.host}/library/debian:12`];
  execFileSync('skopeo', ['copy', '--quiet', '--dest-tls-verify=false', `oci:${image}`, debian]);
  const env = ownHome(t, registry.host, { systemctl });
  const script = [setUp!.replace(/^apt-get .*\n/, ''), ...stories].join('');
  const place = onOwnMachine(t, script).join(' ');
  // script(1) gives the stories a terminal; `exit` is for the shell in the container
  const typed = `echo exit | script --quiet --return --command '${place}' /dev/null`;
  const { status, stdout } = await run('sh', ['-c', typed], { env });
  t.is(status, 0, stdout);
  // a progress line may come before any other
  const output = stripVTControlCharacters(stdout).replaceAll('\r', '');
  t.regex(output, /^M etc\/motd \(content\)\nD usr\/bin\/wall$/m);
  t.is(output.match(/^mounted +debian@\w+ .*web[123]$/gm)?.length, 3, output);
  t.regex(output, /^freed [\d.]+ MB of 1 layer$/m);
  t.regex(output, /unpacked images:debian to mine2 layers=1 skipped=1 extracted=0 entries/);
  t.regex(output, /^12\.0$/m);
  t.regex(output, /# cat changes\/log\n.* 20\d\d$/m);
});

test('the stories install no package that CI lacks', (t) => {
  const packages = /^apt-get install -y (.*)$/m.exec(setUp!)![1]!.split(' ');
  const installed = readFileSync('.ci/run', 'utf8').split(/\s+/);
  t.deepEqual(
    packages.filter((name) => !installed.includes(name)),
    [],
  );
});
