import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { requires } from '../helpers/requires.js';
import { rootTest } from '../helpers/root-test.js';
import { runAsUser } from '../helpers/rootless.js';
import { tmpdir } from '../helpers/tmp.js';
import { diffTrees, treeOf } from '../helpers/tree.js';

/** Runs JavaScript with access.ts and saved-modes.ts as the user 1000, and returns its stdout. */
function run(
  t: ExecutionContext<unknown>,
  path: string,
  code: string,
  shell = (script: string) => script,
): string {
  const program = `
    const at = (name) => import('/mnt/package/dist/src/system/' + name + '.js');
    const { openat, statAt, withAccess } = await at('access');
    const { restoreModes } = await at('saved-modes');
    const { AT_FDCWD, O, close } = await at('files');
    const { StatBuffer } = await at('stat');
    ${code}`;
  writeFileSync(join(path, 'program.mjs'), program);
  const { status, stdout, stderr } = runAsUser(path, shell('/mnt/node program.mjs'));
  t.is(status, 0, stdout + stderr);
  return stdout.trim();
}

/** A directory of the user 1000 with `d` of a mode, which has the file `f`. */
function place(t: ExecutionContext<unknown>, mode: number): string {
  const path = tmpdir(t);
  mkdirSync(join(path, 'd'));
  writeFileSync(join(path, 'd/f'), 'content');
  for (const name of ['d/f', 'd', '.']) chownSync(join(path, name), 1000, 1000);
  chmodSync(join(path, 'd'), mode);
  return path;
}

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

rootTest('a stat never shows a mode that another process has changed for a moment', (t) => {
  if (!requires(t, 'setpriv')) return;
  const path = place(t, 0);
  const code = `
    const stat = new StatBuffer();
    const seen = new Set();
    for (let i = 0; i < 5000; i++) {
      statAt(AT_FDCWD, 'd', stat);
      seen.add(stat.mode);
      if (i % 5 === 0) close(openat(AT_FDCWD, 'd/f', O.RDONLY));
    }
    console.log([...seen].join(' '));`;
  const output = run(t, path, code, (program) => `for i in 1 2 3; do ${program} & done; wait`);
  t.deepEqual(output.split('\n'), ['0', '0', '0']);
  t.is(modeOf(join(path, 'd')), 0);
});

rootTest('modes are restored if the call fails for another reason, and a setgid bit is never lost', (t) => {
  if (!requires(t, 'setpriv')) return;
  const path = place(t, 0);
  mkdirSync(join(path, 'setgid'));
  chownSync(join(path, 'setgid'), 1000, 5);
  chmodSync(join(path, 'setgid'), 0o2000);
  const code = `
    const code = (call) => { try { call(); return 'done'; } catch (error) { return error.code ?? error.message; } };
    console.log(
      code(() => openat(AT_FDCWD, 'd/missing', O.RDONLY)),
      code(() => withAccess(AT_FDCWD, 'd/f', () => { openat(AT_FDCWD, 'd/f', O.RDONLY); throw new Error('own'); })),
      code(() => openat(AT_FDCWD, 'setgid', O.RDONLY)));`;
  t.is(run(t, path, code), 'ENOENT own EACCES');
  t.is(modeOf(join(path, 'd')), 0);
  t.is(modeOf(join(path, 'setgid')), 0o2000);
});

rootTest('a symlink of the user is not followed to another directory', (t) => {
  if (!requires(t, 'setpriv', 'strace')) return;
  const path = place(t, 0);
  mkdirSync(join(path, 'tree'));
  symlinkSync('../d', join(path, 'tree/link'));
  lchownSync(join(path, 'tree/link'), 1000, 1000);
  const code = `
    try { openat(AT_FDCWD, 'tree/link/f', O.RDONLY); } catch (error) { console.log(error.code); }`;
  const output = run(
    t,
    path,
    code,
    (program) => `strace -f -e trace=fchmodat ${program} 2>&1 | grep -v ^strace | grep -v '+++'`,
  );
  t.is(output, 'EACCES');
});

rootTest('a recorded mode is restored only for the same file with the changed mode', (t) => {
  if (!requires(t, 'setpriv')) return;
  const path = place(t, 0o500);
  const { ino } = statSync(join(path, 'd'));
  const records = join(path, '.var', 'layerhook-modes-1000');
  const record = (name: string, target: string) => `ln -s '${target}' /var/tmp/layerhook-modes-1000/${name}`;
  const restore = (...targets: string[]) => {
    const made = targets.map((target, i) => record(`${i}`, target));
    run(t, path, 'restoreModes();', (program) =>
      ['mkdir -pm 700 /var/tmp/layerhook-modes-1000', ...made, program].join('\n'),
    );
    t.deepEqual(readdirSync(records), []);
    return modeOf(join(path, 'd'));
  };
  const others = [`0 448 ${ino} ${path}/d`, `0 320 1 ${path}/d`, `0 320 ${ino} ${path}/gone`, 'nonsense'];
  t.is(restore(...others), 0o500);
  t.is(restore(`0 320 ${ino} ${path}/d`), 0);
});

rootTest('an archive of unreadable files is a copy with their modes', (t) => {
  if (!requires(t, 'setpriv')) return;
  const path = place(t, 0);
  chmodSync(join(path, 'd/f'), 0);
  const code = `
    const { copyTree } = await import('/mnt/package/dist/src/engine/archive/copy-tree.js');
    const { mkdirSync, openSync } = await import('node:fs');
    mkdirSync('tree');
    mkdirSync('copy');
    const { renameSync, chmodSync } = await import('node:fs');
    chmodSync('d', 0o700);
    renameSync('d', 'tree/d');
    chmodSync('tree/d', 0o111);
    const signal = new AbortController().signal;
    const { bytes } = await copyTree('tree', { fd: openSync('copy', 'r'), path: 'copy' }, { signal, log: console });
    console.log(bytes);`;
  t.is(run(t, path, code), '7');
  t.deepEqual(diffTrees(treeOf(join(path, 'tree')), treeOf(join(path, 'copy'))), []);
  t.is(modeOf(join(path, 'tree/d')), 0o111);
});
