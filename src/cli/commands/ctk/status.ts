import { resolve } from 'node:path';
import type { EngineStatus, RuntimeStatus } from '../../../ctk/status.js';
import { defineCommand } from '../../command.js';
import { engineFlags, readEngine } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Show which engines are configured with layerhook-runtime, and whether it
would find its settings, hooks and low-level runtime. The exit status is 1
if something is broken.`,
  examples: ['layerhook ctk status', 'layerhook ctk status --runtime docker'],
  arguments: [],
  options: {
    ...engineFlags,
    runtime: { value: 'ENGINE', describe: 'engine: docker, containerd or crio (default: all)' },
    settings: {
      value: 'FILE',
      describe: 'settings of layerhook-runtime (default: /etc/layerhook/runtime.toml)',
    },
  },
  json: true,
  async run(_, options, { show }) {
    const { engineNames, engineStatus, runtimeStatus } = await import('../../../ctk/status.js');
    const { engine, file, name } = readEngine(options, 'layerhook ctk status');
    const asked = options.runtime === undefined ? engineNames : [engine];
    const engines = asked.map((each) =>
      engineStatus(each, name, options.runtime === undefined ? undefined : file),
    );
    const settings = await runtimeStatus(
      options.settings === undefined ? undefined : resolve(options.settings),
    );
    await show({
      json: () => ({ engines, runtime: settings }),
      text: () => [...engines.map(engineLine), runtimeLine(settings)],
    });
    const isBroken = engines.some(({ state, isInstalled }) => state === 'broken' || isInstalled === false);
    return isBroken || settings.problem !== undefined ? 1 : 0;
  },
});

function engineLine({
  engine,
  file,
  state,
  path,
  runtime,
  isInstalled,
  defaultRuntime,
  problem,
}: EngineStatus): string {
  const becomes = runtime === undefined ? '' : `, then ${runtime}`;
  const details = {
    missing: `no ${file}`,
    plain: `not in ${file}`,
    configured: `${path}${becomes}${isInstalled ? '' : ' (missing)'}, in ${file}`,
    broken: `${file}: ${problem}`,
  } as const;
  const isDefault = defaultRuntime === undefined ? '' : `; default runtime: ${defaultRuntime}`;
  return `${engine.padEnd(11)} ${details[state]}${isDefault}`;
}

function runtimeLine({ file, runtime, hooks, problem }: RuntimeStatus): string {
  if (problem !== undefined) return `${'settings'.padEnd(11)} ${problem}`;
  return `${'settings'.padEnd(11)} ${file ?? 'none'}; hooks: ${hooks}; low-level runtime: ${runtime}`;
}
