import { Command, CommanderError, Option } from 'commander';
import { LayerhookError } from '../errors/index.js';
import type { OptionSpecs, OptionValues, Persona } from './command.js';

export interface Parsed<O extends OptionSpecs> {
  args: string[];
  options: OptionValues<O>;
}

/**
 * Parses arguments that normalizeFlags has rewritten.
 *
 * @param command name shown in errors, such as `layerhook raw mtree-validate`
 * @throws LayerhookError USAGE
 */
export function parseArguments<O extends OptionSpecs>(
  args: readonly string[],
  options: O,
  command: string,
  persona: Persona,
): Parsed<O> {
  const parser = buildCommand(command, options);
  try {
    parser.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new LayerhookError('USAGE', { reason: usageReason(error, persona), command }, error);
  }
  return { args: parser.args, options: valuesOf(parser, options) };
}

/** A commander command with these options; it neither prints nor exits. */
function buildCommand(name: string, options: OptionSpecs): Command {
  const command = new Command(name)
    .exitOverride()
    .configureOutput({ writeErr() {}, writeOut() {} })
    .allowExcessArguments()
    .helpOption(false)
    .helpCommand(false)
    .argument('[arguments...]');
  for (const [key, spec] of Object.entries(options)) {
    const short = spec.alias?.find((alias) => alias.length === 1);
    const value = spec.value === undefined ? '' : ` <${spec.value}>`;
    const option = new NamedOption(key, `${short ? `-${short}, ` : ''}--${key}${value}`, spec.describe);
    if (spec.many) option.argParser((next: string, before?: string[]) => [...(before ?? []), next]);
    command.addOption(option);
  }
  return command;
}

/** Keeps an option's value under its own name: commander would take `--no-history` for "not history". */
class NamedOption extends Option {
  constructor(
    private readonly key: string,
    flags: string,
    description: string,
  ) {
    super(flags, description);
    this.negate = false;
  }

  override attributeName(): string {
    return this.key;
  }
}

function valuesOf<O extends OptionSpecs>(parser: Command, options: O): OptionValues<O> {
  const given = parser.opts();
  return Object.fromEntries(
    Object.entries(options).map(([key, spec]) => {
      const missing = spec.many ? [] : spec.value === undefined ? false : undefined;
      return [key, given[key] ?? missing];
    }),
  ) as OptionValues<O>;
}

function usageReason(error: CommanderError, persona: Persona): string {
  const text = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const unknown = /^unknown option '--?([^'=]*)/.exec(text);
  return unknown && persona === 'umoci' ? `flag provided but not defined: -${unknown[1]}` : text;
}
