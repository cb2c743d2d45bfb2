import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { requires } from '../../helpers/requires.js';
import { rootTest } from '../../helpers/root-test.js';
import { removeDirectory } from '../../helpers/tmp.js';
import { sh } from '../../overlay/mounted.js';
import { stopped } from './setup.js';

const system = resolve('dist/src/system/index.js');

/** A program of another process, as a container has them, that runs until the test ends. */
async function meanwhile(
  t: ExecutionContext<unknown>,
  code: string,
  ...args: string[]
): Promise<ChildProcess> {
  const whole = `import { AT_FDCWD, RENAME_EXCHANGE, renameat2 } from '${system}';
    import { existsSync, readdirSync } from 'node:fs';
    const exchange = (a, b) => {
      try { renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); return true; } catch { return false; }
    };
    const args = process.argv.slice(1);
    process.stdout.write('begun');
    ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', whole, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

/** Directories that only root may write, but for `volume`, which the container has. */
function places(t: ExecutionContext<unknown>, uid: number) {
  const dir = mkdtempSync('/run/layerhook-test-');
  t.teardown(() => removeDirectory(dir));
  chmodSync(dir, 0o755);
  const [volume, host] = [join(dir, 'volume'), join(dir, 'host')];
  for (const made of [volume, host, join(host, 'copy')]) mkdirSync(made);
  writeFileSync(join(host, 'ok'), 'precious');
  writeFileSync(join(host, 'tar'), 'precious');
  writeFileSync(join(host, 'copy/first'), 'precious', { mode: 0o600 });
  chownSync(volume, uid, uid);
  return { volume, host, listing: () => sh(host, 'find . -printf "%p %s %n %m %U %T@ %i\n" | sort') };
}

for (const [owner, uid] of [
  ['a container as root', 0],
  ['another user', 65534],
] as const)
  rootTest(`a parent that ${owner} exchanges for a symlink again and again leads nowhere`, async (t) => {
    const { volume, host, listing } = places(t, uid);
    const [real, evil] = [join(volume, 'real'), join(volume, 'evil')];
    mkdirSync(real);
    symlinkSync(host, evil);
    const { stop, merged } = stopped(t, (at) => sh(at('.'), 'echo a > a'), {
      volumes: uid === 0 ? [volume] : [],
    });
    sh(merged, 'for i in $(seq 200); do echo $i > f$i; done');
    const before = listing();
    await meanwhile(t, 'for (;;) exchange(args[0], args[1]);', real, evil);
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const one = (name: string, method: string) => ({
      'mount-point': '/data',
      ...{ method, 'archive-to': join(real, method === 'copy' ? name : `tar${name}`) },
      success: join(real, 'ok'),
    });
    const wanted = Object.fromEntries(
      names.flatMap((name) => [
        [`c${name}`, one(name, 'copy')],
        [`t${name}`, one(name, 'tar')],
      ]),
    );
    for (let round = 0; round < 3; round++) stop(wanted);
    t.is(listing(), before);
  });

test('files that a container exchanges during a copy are neither linked, changed nor filled', async (t) => {
  if (!requires(t, 'root', 'strace')) return;
  const { volume, host, listing } = places(t, 0);
  const { start, traced, upperdir, merged } = stopped(t, (at) => sh(at('.'), 'echo a > a'), {
    volumes: [volume],
  });
  sh(merged, 'mkdir d; echo 1 > d/first; mkfifo -m 666 pipe');
  linkSync(join(upperdir, 'd/first'), join(upperdir, 'second'));
  linkSync(join(upperdir, 'd/first'), join(upperdir, 'd/third'));
  symlinkSync(join(host, 'copy'), join(volume, 'd'));
  symlinkSync(join(host, 'copy/first'), join(volume, 'pipe'));
  start({ data: { 'mount-point': '/data', 'archive-to': join(volume, 'copy') } });
  const before = listing();
  await meanwhile(
    t,
    `const [volume] = args;
    const done = new Set();
    while (done.size < 2) {
      for (const temporary of readdirSync(volume).filter((name) => name.startsWith('.layerhook-'))) {
        const at = volume + '/' + temporary;
        if (!done.has('d') && existsSync(at + '/d/first') && exchange(at + '/d', volume + '/d')) done.add('d');
        if (!done.has('pipe') && exchange(at + '/pipe', volume + '/pipe')) done.add('pipe');
      }
    }`,
    volume,
  );
  const slow = 'linkat,fchmodat,fchownat:delay_enter=500ms';
  traced(
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    'trace=linkat,fchmodat,fchownat',
    '-e',
    `inject=${slow}`,
  );
  t.is(listing(), before);
});
