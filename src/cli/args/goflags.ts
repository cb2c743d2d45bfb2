import type { OptionSpec, OptionSpecs } from '../command.js';
import { usageError } from './usage.js';

/** The words that Go's strconv.ParseBool accepts: scripts written for umoci may use them. */
const booleans = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
]);

/**
 * Rewrites arguments in the spelling of Go's flag package to the spelling that parseArgs understands:
 * `-image X` to `--image X`, an alias to the option's own name, `--switch=false` to nothing.
 *
 * @param options the options that may come before the operands
 * @param operands `stop` ends at the first operand, for options before a command; `pass` rewrites the options after operands too
 * @returns the rewritten arguments, and the unchanged rest
 * @throws LayerhookError USAGE for a switch with a value that is not a boolean
 */
export function normalizeFlags(
  args: readonly string[],
  options: OptionSpecs,
  command: string,
  operands: 'stop' | 'pass',
): { flags: string[]; rest: string[] } {
  const flags: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      return operands === 'stop'
        ? { flags, rest: args.slice(i + 1) }
        : { flags: flags.concat(args.slice(i)), rest: [] };
    }
    const [, name, , value] = /^--?([^-=][^=]*)(=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) {
      if (operands === 'stop') return { flags, rest: args.slice(i) };
      flags.push(arg);
      continue;
    }
    const [key, option] = findOption(name, options) ?? [];
    if (key === undefined || option === undefined) {
      flags.push(arg);
    } else if (option.value === undefined) {
      if (value === undefined || parseBoolean(name, value, command)) flags.push(`--${key}`);
    } else if (value !== undefined) {
      flags.push(`--${key}=${value}`);
    } else {
      const [next] = args.slice(i + 1, i + 2);
      flags.push(next === undefined ? `--${key}` : `--${key}=${next}`);
      i++;
    }
  }
  return { flags, rest: [] };
}

function findOption(name: string, options: OptionSpecs): [string, OptionSpec] | undefined {
  if (Object.hasOwn(options, name)) return [name, options[name]!];
  return Object.entries(options).find(([, option]) => option.alias?.includes(name));
}

function parseBoolean(name: string, value: string, command: string): boolean {
  const parsed = booleans.get(value);
  if (parsed !== undefined) return parsed;
  throw usageError(`invalid boolean value "${value}" for -${name}`, command);
}
