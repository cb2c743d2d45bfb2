import type { HookEntry, LoadedConfig } from '../../../config/types.js';
import type { PointName } from '../../../points/points.js';
import { formatCounted } from '../../../text/counted.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[FILE]',
  description: `Check a hooks.toml, by default the one that commands would use: its keys,
points, programs, modules and driver, and that other users cannot write to
any of these files. Print the calls that each hook would get, with a sample
context. The exit status is 9 if the file has an error.`,
  examples: ['layerhook hooks check', 'layerhook hooks check ./hooks.toml'],
  options: {},
  json: true,
  async run(args, _, { show, hooksFile }) {
    const { loadHooks } = await import('../../../config/load.js');
    if (args.length > 1) throw usageError('expected one FILE', 'layerhook hooks check');
    const config = await loadHooks({ file: args[0] ?? hooksFile, env: process.env });
    if (config === null) throw usageError('hooks.toml not found; give a FILE', 'layerhook hooks check');
    const { chooseDriver } = await import('../../../engine/choose-driver.js');
    const { loadDriver } = await import('../../../engine/driver.js');
    const driver = await loadDriver(chooseDriver({ options: {}, config }, undefined), config.file);
    await driver.close?.();
    const calls = await Promise.all(config.entries.map(describeHook));
    await show({
      json: () => ({ ...summary(config), hooks: calls }),
      text: () => [headline(config), ...calls.flatMap(hookLines)],
    });
  },
});

interface HookDescription {
  hook: string;
  line: number;
  timeout: number;
  onFailure: string;
  module?: string;
  options?: Record<string, unknown>;
  calls: CallDescription[];
}

interface CallDescription {
  point: PointName;
  argv?: string[];
  cwd?: string;
  env?: Record<string, string>;
  context: unknown;
}

async function describeHook({
  owner,
  line,
  timeout,
  onFailure,
  run,
  points,
}: HookEntry): Promise<HookDescription> {
  const { execCall } = await import('../../../config/exec.js');
  const { encodeContext } = await import('../../../config/context-json.js');
  const { sampleContext } = await import('../../../config/sample.js');
  const calls = points.map((point) => {
    const context: unknown = JSON.parse(encodeContext(point, sampleContext(point)).toString());
    if (run.type === 'module') return { point, context };
    const { argv, cwd, env } = execCall(run, point);
    return { point, argv, cwd, env, context };
  });
  const module = run.type === 'module' ? { module: run.file, options: run.options } : {};
  return { hook: owner, line, timeout, onFailure, ...module, calls };
}

function summary({ file, driver, mtree, store }: LoadedConfig) {
  return { file, driver: driver ?? { name: 'copy', options: {} }, mtree, store };
}

function headline(config: LoadedConfig): string {
  const { file, driver, mtree, store } = summary(config);
  const count = config.entries.length;
  return `${file} is valid: ${formatCounted(count, 'hooks')}, driver ${driver.name}, mtree ${mtree ?? '(decided by the driver)'}, store ${store ?? '(default)'}`;
}

function hookLines({ hook, timeout, onFailure, module, options, calls }: HookDescription): string[] {
  const limit = timeout === 0 ? 'none' : `${timeout} s`;
  return [
    '',
    hook,
    ...(module === undefined ? [] : [`  module      ${module}`, `  options     ${JSON.stringify(options)}`]),
    `  timeout     ${limit}`,
    `  on-failure  ${onFailure}`,
    ...calls.flatMap(callLines),
  ];
}

function callLines({ point, argv, cwd, env, context }: CallDescription): string[] {
  const program = argv === undefined ? [] : [`    argv      ${JSON.stringify(argv)}`, `    cwd       ${cwd}`];
  return [
    `  ${point}`,
    ...program,
    ...Object.entries(env ?? {}).map(
      ([name, value], i) => `    ${i === 0 ? 'env      ' : '         '} ${name}=${value}`,
    ),
    `    ${argv === undefined ? 'context  ' : 'stdin    '} ${JSON.stringify(context)}`,
  ];
}
