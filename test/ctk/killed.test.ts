/** ctk killed at each call that changes a file: the engine reads the old files or the new ones, and ctk can go on. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { launcher } from '../hooks/wrapper.js';

/** Calls that change something, under the names that old and new versions of node use. */
const calls = ['fsync', 'rename', 'unlink', 'unlinkat'];
const texts = {
  docker: '{\n  "debug": true\n}\n',
  containerd: 'version = 2 # two\n',
  crio: '[crio.runtime]\ndefault_runtime = "true"\n[crio.runtime.runtimes.true]\nruntime_path = "/bin/true"\n',
};

type Engine = keyof typeof texts;
type Tree = Record<string, string>;

function made(t: ExecutionContext, engine: Engine): string {
  const dir = tmpdir(t);
  writeFileSync(join(dir, 'config'), texts[engine]);
  for (const sub of ['conf.d', 'config.d']) mkdirSync(join(dir, sub));
  return dir;
}

/** Files by their names, as an engine may read them. */
function tree(dir: string): Tree {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true });
  const files = names.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  return Object.fromEntries(
    files.map((file) => [file.slice(dir.length + 1), readFileSync(file, 'utf8').replaceAll(dir, '')]),
  );
}

/** Temporary files and the record, which no engine reads. */
const isUnread = (name: string) =>
  /^config\.(layerhook-ctk(\..*)?|layerhook-runtime\..*|[0-9a-f]{12}\.tmp)$|^zz-layerhook\.\w+\.[0-9a-f]{12}\.tmp$/.test(
    name,
  );

function isOldOrNew(t: ExecutionContext, now: Tree, old: Tree, done: Tree, when: string): void {
  for (const name of Object.keys({ ...now, ...old, ...done })) {
    if (isUnread(name)) continue;
    t.true(now[name] === old[name] || now[name] === done[name], `${when}: ${name}: ${now[name]}`);
  }
  // the configuration never names a launcher that is missing
  const isNamed = Object.entries(now).some(
    ([name, text]) => !isUnread(name) && text.includes('"/config.layerhook-runtime"'),
  );
  if (isNamed) t.true('config.layerhook-runtime' in now, when);
}

for (const [engine, dropIn, more] of [
  ['docker', false, []],
  ['containerd', true, []],
  ['crio', true, ['write']],
] as const) {
  test(`${engine}${dropIn ? ' with a drop-in file' : ''}: killed at any call`, (t) => {
    if (!requires(t, 'strace')) return;
    const ctk = (dir: string, command: string, tracer: string[] = []) => {
      const extra =
        command === 'configure'
          ? ['--path', launcher, '--runtime-path', '/bin/true', '--default', ...(dropIn ? ['--drop-in'] : [])]
          : [];
      const args = [
        'ctk',
        'runtime',
        command,
        '--runtime',
        engine,
        '--config-file',
        join(dir, 'config'),
        ...extra,
      ];
      const [program, ...rest] = [...tracer, process.execPath, mainFile, ...args] as [string, ...string[]];
      return spawnSync(program, rest, { encoding: 'utf8' });
    };
    const finished = made(t, engine);
    t.is(ctk(finished, 'configure').status, 0);
    const [plain, configured] = [tree(made(t, engine)), tree(finished)];
    let kills = 0;
    for (const command of ['configure', 'unconfigure'])
      for (const call of [...calls, ...more])
        for (let nth = 1; ; nth++) {
          const dir = made(t, engine);
          if (command === 'unconfigure') ctk(dir, 'configure');
          const killed = ['strace', '-f', '-qq', '-o', '/dev/null'];
          const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`];
          if (ctk(dir, command, [...killed, ...inject]).status === 0) break;
          kills++;
          const when = `${command}, ${call} ${nth}`;
          isOldOrNew(t, tree(dir), plain, configured, when);
          const again = ctk(dir, command);
          t.is(again.status, 0, `${when}\n${again.stderr}`);
          t.deepEqual(
            Object.keys(tree(dir)).filter((name) => name.endsWith('.tmp')),
            [],
            when,
          );
          if (command === 'configure') t.is(ctk(dir, 'unconfigure').status, 0, when);
          t.deepEqual(tree(dir), plain, when);
        }
    t.true(kills > 5, `${kills}`);
    t.log(`${kills} kills`);
  });
}
