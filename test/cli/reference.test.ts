import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { commands } from '../../src/cli/commands/index.js';
import { manFile } from '../../src/cli/reference/man.js';
import { listReference } from '../../src/cli/reference/walk.js';
import { mainFile } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

function scriptOf(t: ExecutionContext, shell: string): string {
  const { status, stdout, stderr } = runFile(mainFile, ['completion', shell]);
  t.is(status, 0, stderr);
  const file = join(tmpdir(t), shell);
  writeFileSync(file, stdout);
  return file;
}

const lines: readonly [words: string[], completed: string[]][] = [
  [
    ['store', 'l'],
    ['list', 'ls'],
  ],
  [['unp'], ['unpack']],
  [['--debug', 'ctk', 'runtime', 'u'], ['unconfigure']],
  [['store', 'ls', '--js'], ['--json']],
  [['unpack', '--platf'], ['--platform']],
  [
    ['completion', ''],
    ['bash', 'fish', 'zsh'],
  ],
  [['hooks', 'uninstall', ''], ['archive-overlay']],
];

for (const [words, completed] of lines) {
  const typed = words.join(' ');
  test(`bash completes ${typed}`, (t) => {
    if (!requires(t, 'bash')) return;
    const code = `source "$1"; shift; COMP_WORDS=(layerhook "$@"); COMP_CWORD=$#; _layerhook; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync('bash', ['-c', code, 'bash', scriptOf(t, 'bash'), ...words], {
      encoding: 'utf8',
    });
    t.deepEqual(output.trim().split('\n').sort(), completed);
  });

  test(`fish completes ${typed}`, (t) => {
    if (!requires(t, 'fish')) return;
    const code = `source ${scriptOf(t, 'fish')}; complete -C "layerhook ${typed}"`;
    const output = execFileSync('fish', ['--no-config', '-c', code], { encoding: 'utf8' });
    const found = output
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0]);
    t.deepEqual(found.sort(), completed);
  });

  test(`zsh completes ${typed}`, (t) => {
    if (!requires(t, 'zsh')) return;
    // outside of an editor, a stand-in for _describe prints what zsh's own would offer
    const code = `compdef() { }; _files() { }
      _describe() { local each; for each in \${(P)\${@[-1]}}; do print -- \${each%%:*}; done }
      source "$1"; shift; words=(layerhook "$@"); CURRENT=$#words; _layerhook`;
    const output = execFileSync('zsh', ['-f', '-c', code, 'zsh', scriptOf(t, 'zsh'), ...words], {
      encoding: 'utf8',
    });
    const last = words.at(-1)!;
    t.deepEqual(
      output
        .trim()
        .split('\n')
        .filter((name) => name.startsWith(last))
        .sort(),
      completed,
    );
  });
}

test('an unknown shell is refused with the known ones', (t) => {
  const { status, stderr } = runFile(mainFile, ['completion', 'csh']);
  t.is(status, 2);
  t.regex(stderr, /unknown shell csh: expected bash, zsh, fish/);
});

test('every command has a man page that mandoc accepts, with its options', (t) => {
  if (!requires(t, 'mandoc')) return;
  const directory = 'dist/man';
  const pages = readdirSync(directory);
  for (const name of [
    'layerhook.1',
    'layerhook-unpack.1',
    'layerhook-store-list.1',
    'layerhook-ctk-runtime-configure.1',
  ])
    t.true(pages.includes(name), name);
  execFileSync('mandoc', ['-Tlint', '-Werror', ...pages.map((page) => join(directory, page))]);
  const text = execFileSync('mandoc', ['-Thtml', join(directory, 'layerhook-unpack.1')], {
    encoding: 'utf8',
  });
  t.regex(text, /-{1,2}platform/);
  t.regex(text, /Every blob and layer is verified/);
});

test('package.json names each man page: npm links the pages of this list only', async (t) => {
  const { man } = JSON.parse(readFileSync('package.json', 'utf8'));
  t.deepEqual(man, (await listReference(commands)).map((entry) => `dist/man/${manFile(entry)}`).sort());
});
