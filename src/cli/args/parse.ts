import { parseArgs } from 'node:util';
import { didYouMean } from '../../text/nearest.js';
import type { OptionSpec, OptionSpecs, OptionValues, Persona } from '../command.js';
import { usageError } from './usage.js';

export interface Parsed<O extends OptionSpecs> {
  args: string[];
  options: OptionValues<O>;
}

/**
 * Parses arguments that normalizeFlags has rewritten.
 *
 * @param command name for errors, such as `layerhook raw mtree-validate`
 * @throws LayerhookError USAGE
 */
export function parseArguments<O extends OptionSpecs>(
  args: readonly string[],
  options: O,
  command: string,
  persona: Persona,
): Parsed<O> {
  // strict mode would throw errors in other words, and refuse values that look like options
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries(options).map(([name, spec]) => [name, parserOption(spec)])),
    strict: false,
    tokens: true,
  });
  const operands: string[] = [];
  const values = new Map<string, unknown>(
    Object.entries(options).map(([name, spec]) => [name, valueOfMissing(spec)]),
  );
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (spec === undefined)
      throw usageError(unknownOption(args[token.index]!, token, options, persona), command);
    if (spec.value === undefined) {
      values.set(token.name, true);
    } else if (token.value === undefined) {
      throw usageError(`option '${flagsOf(token.name, spec)}' argument missing`, command);
    } else {
      const before = values.get(token.name);
      values.set(token.name, Array.isArray(before) ? [...before, token.value] : token.value);
    }
  }
  return { args: operands, options: Object.fromEntries(values) as OptionValues<O> };
}

function parserOption(spec: OptionSpec): { type: 'string' | 'boolean'; short?: string } {
  const type = spec.value === undefined ? 'boolean' : 'string';
  const short = shortName(spec);
  return short === undefined ? { type } : { type, short };
}

function valueOfMissing(spec: OptionSpec): [] | false | undefined {
  if (spec.many) return [];
  return spec.value === undefined ? false : undefined;
}

function shortName(spec: OptionSpec): string | undefined {
  return spec.alias?.find((alias) => alias.length === 1);
}

function flagsOf(name: string, spec: OptionSpec): string {
  const short = shortName(spec);
  return `${short === undefined ? '' : `-${short}, `}--${name} <${spec.value}>`;
}

/** @param given the argument with the option, which may follow other short options in it */
function unknownOption(
  given: string,
  { name }: { name: string },
  options: OptionSpecs,
  persona: Persona,
): string {
  const isLong = given.startsWith('--');
  const shown = isLong ? given : `-${given.slice(given.indexOf(name))}`;
  if (persona === 'umoci') return `flag provided but not defined: -${/^--?([^=]*)/.exec(shown)![1]}`;
  const known = Object.keys(options).map((key) => `--${key}`);
  return `unknown option '${shown}'${isLong ? didYouMean(given, known) : ''}`;
}
