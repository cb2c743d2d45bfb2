import type { OptionSpecs, OptionValues, Persona } from '../command.js';
import { isTerminal } from '../output/streams.js';
import type { Settings } from '../settings.js';
import { usageError } from './usage.js';

/** Options that may come before the command, and after a command that has no option of that name. */
export const globalOptions = {
  verbose: { describe: 'short for --log=info' },
  quiet: { alias: ['q'], extension: true, describe: 'log errors only, and show no progress' },
  log: {
    value: 'LEVEL',
    describe: 'lowest level to log: debug, info, warn, error or fatal (default: warn)',
  },
  'log-format': {
    value: 'FORMAT',
    extension: true,
    describe: 'format of the log: text, or json with one object per line (default: text)',
  },
  debug: { extension: true, describe: 'log at debug level, and show the stacks of errors' },
  hooks: {
    value: 'FILE',
    extension: true,
    describe: 'hooks.toml to use (default: $LAYERHOOK_HOOKS, else the one of the user or of /etc/layerhook)',
  },
  color: {
    value: 'WHEN',
    extension: true,
    describe: 'colors: auto (on a terminal, unless NO_COLOR is set), always or never (default: auto)',
  },
  'cpu-profile': {
    value: 'FILE',
    hidden: true,
    describe: 'write a CPU profile: of V8 if FILE ends with .cpuprofile, otherwise of pprof',
  },
  help: { alias: ['h'], describe: 'show help' },
  version: { alias: ['v'], describe: 'print the version' },
} as const satisfies OptionSpecs;

/** @throws LayerhookError USAGE */
export function readSettings(options: OptionValues<typeof globalOptions>, persona: Persona): Settings {
  const { verbose, quiet, debug, log } = options;
  const fail = (reason: string) => usageError(reason, persona);
  if (verbose && log !== undefined) throw fail('--log=* and --verbose are mutually exclusive');
  if (quiet && (verbose || debug)) throw fail('--quiet and --verbose or --debug are mutually exclusive');
  const level = log ?? (debug ? 'debug' : verbose ? 'info' : quiet ? 'error' : 'warn');
  return {
    level: oneOf(
      'log',
      level === 'warning' ? 'warn' : level,
      ['debug', 'info', 'warn', 'error', 'fatal'],
      fail,
    ),
    format: oneOf('log-format', options['log-format'] ?? 'text', ['text', 'json'], fail),
    quiet,
    debug,
    color: wantsColor(oneOf('color', options.color ?? 'auto', ['auto', 'always', 'never'], fail)),
    hooksFile: options.hooks,
    cpuProfile: options['cpu-profile'],
  };
}

function oneOf<const T extends string>(
  name: string,
  value: string,
  allowed: readonly T[],
  fail: (reason: string) => Error,
): T {
  const found = allowed.find((word) => word === value.toLowerCase());
  if (found === undefined) throw fail(`invalid --${name} ${value}: expected ${allowed.join(', ')}`);
  return found;
}

/** True if output is colored. https://no-color.org: NO_COLOR counts unless it is empty. */
function wantsColor(when: 'auto' | 'always' | 'never'): boolean {
  if (when !== 'auto') return when === 'always';
  const { NO_COLOR, TERM } = process.env;
  return !NO_COLOR && TERM !== 'dumb' && isTerminal();
}
