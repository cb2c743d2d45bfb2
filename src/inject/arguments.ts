import { LayerhookError } from '../errors/index.js';
import { type ByteString, toText } from '../system/bytes.js';

/** The command line that an engine gives to a runtime, with our own options before the command. */
export interface RuntimeArguments {
  own: {
    /** `--hook-config-path`: files or directories of hooks */
    hooks: ByteString[];
    /** `--runtime-path`: the real runtime, which this process becomes */
    runtime: ByteString | undefined;
    /** `--layerhook-config`: settings to use instead of /etc/layerhook/runtime.toml */
    config: ByteString | undefined;
  };
  /** arguments for the real runtime: all but our own options */
  passed: ByteString[];
  /** `create`, `run`, …; undefined without a command, as with `--version` */
  command: string | undefined;
  /** the bundle; default: the working directory */
  bundle: ByteString;
  /** crun's `--config`: a file to use instead of the bundle's config.json */
  specFile: ByteString | undefined;
  log: ByteString | undefined;
  logFormat: 'text' | 'json';
  isDebug: boolean;
  /** `--preserve-fds`: number of descriptors that the runtime keeps, after 0 to 2 and those of `LISTEN_FDS` */
  preservedFds: number;
  /** True for `--version` without a command. */
  isVersion: boolean;
  /** True for `--help` without a command. */
  isHelp: boolean;
}

/** Options with a value that runc, crun, youki, kata, runsc and this program accept before the command. */
const globalValues = new Set([
  'hook-config-path',
  'runtime-path',
  'layerhook-config',
  'log',
  'log-format',
  'log-level',
  'root',
  'r',
  'l',
  'criu',
  'rootless',
  'cgroup-manager',
  'config',
  'kata-config',
  'platform',
  'network',
]);

/** Options with a value of `create`, `run` and `restore`. */
const commandValues = new Set([
  'bundle',
  'b',
  'config',
  'f',
  'console-socket',
  'pid-file',
  'preserve-fds',
  'image-path',
  'work-path',
  'parent-path',
  'manage-cgroups-mode',
  'empty-ns',
  'lsm-profile',
  'lsm-mount-context',
]);

/** Commands of OCI runtimes. */
const commands = new Set(
  'checkpoint create delete events exec features help init kill list mounts pause ps restore resume run spec start state update version'.split(
    ' ',
  ),
);

interface Option {
  name: string;
  value: ByteString | undefined;
}

/**
 * Reads a runtime's command line as runc and crun read it: `--name value`, `--name=value`, `-name`, `-b value`,
 * `-bvalue`.
 *
 * @throws LayerhookError USAGE if one of our own options has no value
 */
export function readArguments(args: readonly ByteString[]): RuntimeArguments {
  const globals: Option[] = [];
  const passed: ByteString[] = [];
  let at = 0;
  while (at < args.length && !commands.has(args[at] as string)) {
    if (!(args[at] as string).startsWith('-')) {
      // the value of an unknown option
      passed.push(args[at++] as string);
      continue;
    }
    const { option, next } = readOption(args, at, globalValues);
    if (isOwn(option.name)) {
      if (option.value === undefined || option.value === '') throw missingValue(option.name);
    } else passed.push(...args.slice(at, next));
    globals.push(option);
    at = next;
  }
  const command = args[at];
  const options = command === undefined ? [] : readCommandOptions(args.slice(at + 1));
  passed.push(...args.slice(at));
  const last = (list: Option[], ...names: string[]) =>
    list.findLast(({ name }) => names.includes(name))?.value;
  return {
    own: {
      hooks: globals.flatMap(({ name, value }) => (name === 'hook-config-path' ? (value ?? []) : [])),
      runtime: last(globals, 'runtime-path'),
      config: last(globals, 'layerhook-config'),
    },
    passed,
    command,
    bundle: last(options, 'bundle', 'b') ?? '.',
    specFile: last(options, 'config', 'f'),
    log: last(globals, 'log', 'l'),
    logFormat: last(globals, 'log-format') === 'json' ? 'json' : 'text',
    isDebug: globals.some(({ name }) => name === 'debug'),
    preservedFds: Number(last(options, 'preserve-fds') ?? 0) || 0,
    isHelp: command === undefined && globals.some(({ name }) => /^(help|h)$/.test(name)),
    isVersion: command === undefined && globals.some(({ name }) => /^(version|v|V)$/.test(name)),
  };
}

function readCommandOptions(args: readonly ByteString[]): Option[] {
  const options: Option[] = [];
  for (let at = 0; at < args.length && args[at] !== '--'; ) {
    if (!(args[at] as string).startsWith('-')) {
      at++;
      continue;
    }
    const { option, next } = readOption(args, at, commandValues);
    options.push(option);
    at = next;
  }
  return options;
}

function readOption(
  args: readonly ByteString[],
  at: number,
  withValue: ReadonlySet<string>,
): { option: Option; next: number } {
  const arg = args[at] as string;
  const [, dashes = '', name = '', joined] = /^(--?)([^=]*)(?:=([\s\S]*))?$/.exec(arg) ?? [];
  if (joined !== undefined) return { option: { name, value: joined }, next: at + 1 };
  if (withValue.has(name)) return { option: { name, value: args[at + 1] }, next: at + 2 };
  const short = name.slice(0, 1);
  if (dashes === '-' && name.length > 1 && (short === 'b' || short === 'f')) {
    return { option: { name: short, value: name.slice(1) }, next: at + 1 };
  }
  return { option: { name, value: undefined }, next: at + 1 };
}

function isOwn(name: string): boolean {
  return name === 'hook-config-path' || name === 'runtime-path' || name === 'layerhook-config';
}

function missingValue(name: string): LayerhookError {
  return new LayerhookError('USAGE', {
    reason: `--${toText(name) ?? name} needs a value`,
    command: 'docs/runtime.md, or layerhook-runtime',
  });
}
