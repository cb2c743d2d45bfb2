/**
 * The command line. To add a command, write src/cli/commands/<folder>/<name>.ts with `export default
 * defineCommand({...})` and add a row to commands/index.ts. Options are data, so that the help can show them. `run`
 * imports the library with `await import()`. Only the file of the command that runs is loaded, so that a heavy command
 * does not slow down the start of the others. Commands throw LayerhookErrors and print through their context.
 *
 * Called as `umoci`, the program behaves like umoci: layout of the help, format of the log, exit statuses, usage errors.
 */
import { basename } from 'node:path';
import { isLayerhookError } from '../errors/index.js';
import { didYouMean } from '../text/nearest.js';
import { type FoundCommand, type FoundNothing, find, shownNames } from './args/find.js';
import { globalOptions, readSettings } from './args/globals.js';
import { normalizeFlags } from './args/goflags.js';
import { parseArguments } from './args/parse.js';
import { usageError } from './args/usage.js';
import {
  type CommandSpec,
  type CommandTable,
  type OptionSpecs,
  type OptionValues,
  optionsOf,
  type Persona,
} from './command.js';
import { execute, print } from './execute.js';
import { report } from './output/report.js';
import { errorOutput } from './output/streams.js';
import type { Settings } from './settings.js';

/**
 * Runs one command line.
 *
 * @param argv as process.argv
 * @returns the exit status
 */
export async function main(argv: readonly string[], table: CommandTable): Promise<number> {
  const persona: Persona = basename(argv[1] ?? '') === 'umoci' ? 'umoci' : 'layerhook';
  const words = argv.slice(2);
  const fail = (error: unknown) =>
    report(error, { settings: guessSettings(words), persona, write: errorOutput.write });
  process.on('uncaughtException', (error) => process.exit(fail(error)));
  try {
    return await dispatch(words, table, persona);
  } catch (error) {
    return fail(error);
  }
}

async function dispatch(words: readonly string[], table: CommandTable, persona: Persona): Promise<number> {
  const leading = normalizeFlags(words, globalOptions, persona, 'stop');
  const found = find(leading.rest, table, persona);
  const name = [persona, ...found.path].join(' ');
  if (found.kind === 'command') {
    const spec = (await found.entry.load()).default;
    const parsed = await parse([leading.flags, found.rest], spec, name, persona, found);
    if (found.help || parsed.options.help) {
      return print((await import('./help.js')).commandHelp(persona, found, spec));
    }
    const settings = readSettings(parsed.options, persona);
    await requireGiven(spec, parsed, name, persona);
    const run = () =>
      execute(spec, parsed.args, parsed.options, { name: found.path.join(' '), table, settings, persona });
    if (settings.cpuProfile === undefined) return run();
    return (await import('./profile/record.js')).recordProfile(settings.cpuProfile, run);
  }
  const { flags } = normalizeFlags(found.kind === 'group' ? found.rest : [], globalOptions, name, 'pass');
  const { options } = parseArguments([...leading.flags, ...flags], globalOptions, name, persona);
  readSettings(options, persona);
  if (found.kind === 'unknown') return unknownCommand(found, persona);
  if (options.version) return print((await import('./version.js')).versionText(persona));
  return print((await import('./help.js')).overview(persona, found));
}

interface Parsed {
  args: string[];
  options: OptionValues<typeof globalOptions & OptionSpecs>;
}

/** Parses global options and options of the command together. An option of the command hides a global one of its name. */
async function parse(
  [leading, rest]: [readonly string[], readonly string[]],
  spec: CommandSpec,
  name: string,
  persona: Persona,
  found: FoundCommand,
): Promise<Parsed> {
  const known = { ...globalOptions, ...optionsOf(spec) };
  try {
    const { flags } = normalizeFlags(rest, known, name, 'pass');
    const parsed = parseArguments([...leading, ...flags], known, name, persona);
    return parsed;
  } catch (error) {
    if (persona === 'umoci' && isLayerhookError(error, 'USAGE')) {
      // umoci prints the command's help to stdout and the error to stderr
      const { commandHelp } = await import('./help.js');
      print(`Incorrect Usage: ${error.message}\n\n${commandHelp(persona, found, spec)}\n`);
    }
    throw error;
  }
}

async function requireGiven(
  spec: CommandSpec,
  parsed: Parsed,
  command: string,
  persona: Persona,
): Promise<void> {
  try {
    checkGiven(spec, parsed, command);
  } catch (error) {
    if (persona === 'umoci') throw error;
    throw (await import('./args/explain-arguments.js')).explainArguments(error, spec, parsed, command);
  }
}

/** Checks that the required options and arguments are given. @throws LayerhookError USAGE */
export function checkGiven(spec: CommandSpec, parsed: Parsed, command: string): void {
  const fail = (reason: string) => usageError(reason, command);
  const values: Record<string, unknown> = parsed.options;
  for (const [key, option] of Object.entries({ ...globalOptions, ...optionsOf(spec) } as OptionSpecs)) {
    if (option.required && values[key] === undefined) throw fail(`missing mandatory argument: --${key}`);
    const isEmpty = [values[key]].flat().includes('');
    if (isEmpty && !option.mayBeEmpty) throw fail(`--${key} cannot be empty`);
  }
  if (spec.arguments === undefined) return;
  const expected = spec.arguments.map((name) => `<${name}>`).join(' ') || 'none';
  if (parsed.args.length !== spec.arguments.length) {
    throw fail(`invalid number of positional arguments: expected ${expected}`);
  }
  const empty = spec.arguments.find((_, index) => parsed.args[index] === '');
  if (empty !== undefined) throw fail(`<${empty}> cannot be empty`);
}

function unknownCommand({ path, table }: FoundNothing, persona: Persona): number {
  if (persona !== 'umoci') {
    const meant = didYouMean(path.at(-1)!, shownNames(table, persona));
    throw usageError(`unknown command ${path.join(' ')}${meant}`, [persona, ...path.slice(0, -1)].join(' '));
  }
  errorOutput.write(`No help topic for '${path.at(-1)}'\n`);
  return 3;
}

/** Guesses how to report an error in the options themselves, before the options are parsed. */
function guessSettings(words: readonly string[]): Pick<Settings, 'format' | 'color' | 'debug'> {
  const json = /(^|\0)--?log-format[=\0]json(\0|$)/.test(words.join('\0'));
  return { format: json ? 'json' : 'text', color: false, debug: words.includes('--debug') };
}
