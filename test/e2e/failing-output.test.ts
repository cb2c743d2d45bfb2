/** A standard output or standard error that fails: each program ends, and says so in one line where it can. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Finished, mainFile, run } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { script } from '../hooks/archive/setup.js';

const runtime = resolve('dist/bundle/runtime.cjs');
/** SIGALRM ends a program that hangs; no test expects it. */
const start = ['perl', '-e', 'alarm 20; exec @ARGV', 'sh', '-c', 'exec "$@" </dev/null >"$0.out" 2>"$0.err"'];

/** Runs a program whose calls on its standard output or its standard error fail. */
async function withFault(
  t: ExecutionContext,
  [stream, inject]: readonly ['out' | 'err', string],
  program: string[],
): Promise<Finished> {
  const dir = tmpdir(t);
  const streams = join(dir, 'x');
  for (const name of ['out', 'err']) writeFileSync(`${streams}.${name}`, '');
  const calls = [
    '-e',
    `trace=${inject.split(':')[0]}`,
    '-e',
    `inject=${inject}`,
    '-P',
    `${streams}.${stream}`,
  ];
  const words = ['-f', '-qq', '-o', '/dev/null', ...calls, ...start, streams, process.execPath, ...program];
  const { status, signal } = await run('strace', words, { env: { XDG_DATA_HOME: dir } });
  const read = (name: string) => readFileSync(`${streams}.${name}`, 'utf8');
  return { status, signal, stdout: read('out'), stderr: read('err') };
}

/** Programs that load koffi, with their exit statuses. */
const programs: [program: string[], status: number][] = [
  [[script, '--version'], 0],
  [[script, '--state-dir', '/proc/none'], 1],
  [[runtime, '--runtime-path', '/dev/null', 'state', 'id'], 1],
  [[mainFile, 'ctk', 'status'], 0],
  [[mainFile, 'snapshotter', 'serve', '--metrics', '/nonexistent/a', '--address', '/nonexistent/b'], 11],
];

for (const [program, expected] of programs)
  for (const fault of [
    ['out', 'fsync:error=EIO'],
    ['err', 'fsync:error=EIO'],
    // the first call checks
    ['err', 'fsync:error=EIO:when=2+'],
    ['err', 'write:error=EIO'],
  ] as const)
    test.serial(`${shown(program.slice(0, 2))} ends: std${fault.join(' ')}`, async (t) => {
      if (!requires(t, 'strace', 'perl')) return;
      const { status, signal, stderr } = await withFault(t, fault, program);
      t.deepEqual([status, signal], [expected, null], stderr);
    });

for (const [program, name] of [
  [[script, '--version'], 'archive_overlay'],
  [[script, '--help'], 'archive_overlay'],
  [[runtime, '--version'], 'layerhook-runtime'],
  [[mainFile, '--version'], 'layerhook'],
] as const)
  test.serial(`${shown(program)} says that it cannot write its output`, async (t) => {
    if (!requires(t, 'strace', 'perl')) return;
    const { status, stderr } = await withFault(t, ['out', 'write:error=EIO'], [...program]);
    t.not(status, 0);
    t.regex(stderr, new RegExp(`^${name}: cannot write to standard output: i/o error \\(EIO\\)[^\\n]*\\n$`));
  });

function shown(program: readonly string[]): string {
  return program.map((word) => basename(word)).join(' ');
}
