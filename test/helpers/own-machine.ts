/** A machine of a test's own, for scripts that run what a user of this machine would type. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mainFile, run } from './cli.js';
import { tmpdir } from './tmp.js';

/**
 * Returns a home directory whose registries.conf leads from docker.io to a local registry, and a PATH on which the programs of
 * layerhook come first.
 *
 * @param programs shell scripts to add, by name
 */
export function ownHome(
  t: ExecutionContext,
  registry: string,
  programs: Readonly<Record<string, string>> = {},
): { HOME: string; PATH: string } {
  const directory = tmpdir(t);
  const bin = join(directory, 'bin');
  const containers = join(directory, '.config/containers');
  mkdirSync(bin);
  mkdirSync(containers, { recursive: true });
  const text = `[[registry]]\nprefix = "docker.io"\nlocation = "${registry}"\ninsecure = true\n`;
  writeFileSync(join(containers, 'registries.conf'), text);
  symlinkSync(mainFile, join(bin, 'layerhook'));
  symlinkSync(resolve('hooks/archive_overlay'), join(bin, 'archive_overlay'));
  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(bin, name), script, { mode: 0o755 });
  return { HOME: directory, PATH: `${bin}:${process.env.PATH}` };
}

/**
 * Returns the command line that runs a bash script in a new directory, in a mount namespace where it may change /etc, /opt, /run,
 * /usr and /var without changing this machine. The script starts with bash's options `e`, `u`, `x` and `pipefail`.
 */
export function onOwnMachine(t: ExecutionContext, script: string): [string, ...string[]] {
  const file = join(tmpdir(t), 'script.sh');
  writeFileSync(file, script);
  return ['unshare', '--mount', 'bash', resolve('test/helpers/own-machine.sh'), tmpdir(t), file];
}

/** A command that a document shows. */
export interface Step {
  line: string;
  /** shell commands that prepare the working directory for it */
  before?: string | undefined;
  /** shell commands that must succeed afterwards */
  after?: string | undefined;
}

/** Bash functions: `step` runs a command in a new copy of the directory `fixture`, and prints its output after a mark. */
const stepFunctions = `
step() { # NUMBER BEFORE LINE AFTER
  mkdir "../step$1" && cp -a . "../step$1" && cd "../step$1" || exit
  local failed=
  bash -euc "$2" > ../before 2>&1 < /dev/null || failed="$2"
  bash -c "$3" > ../out 2>&1 < /dev/null || failed="status $?"
  bash -euc "$4" > ../after 2>&1 < /dev/null || failed="$failed, $4"
  echo "---step $failed"
  if [ "$failed" ]; then cat ../before ../out ../after; else cat ../out; fi
  cd ../fixture
}
`;

/**
 * Runs each of the commands in a directory of its own, which holds what the commands of `setUp` made, on a machine that they share.
 *
 * @returns the outputs, with standard error
 * @throws Error with the outputs of the commands that fail
 */
export async function runSteps(
  t: ExecutionContext,
  { setUp, steps, env }: { setUp: string; steps: readonly Step[]; env: Record<string, string> },
): Promise<string[]> {
  const calls = steps.map(({ before = '', line, after = '' }, at) =>
    ['step', String(at), ...[before, line, after].map(quoted)].join(' '),
  );
  const script = ['set +x', 'mkdir fixture; cd fixture', setUp, 'set +eu', stepFunctions, ...calls, ''];
  const [file, ...args] = onOwnMachine(t, script.join('\n'));
  const { stdout, stderr } = await run(file, args, { env: { XDG_CONFIG_HOME: '/nonexistent', ...env } });
  const outputs = stdout.split(/^---step /m).slice(1);
  const failures = steps.flatMap(({ line }, at) =>
    outputs[at]?.startsWith('\n') ? [] : [`${line}: ${outputs[at]}`],
  );
  if (failures.length > 0)
    throw new Error(`${failures.join('\n')}\n${stdout.split('---step')[0]}\n${stderr}`);
  return outputs.map((output) => output.slice(1));
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
