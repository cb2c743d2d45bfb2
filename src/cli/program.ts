/**
 * The command line. To add a command: write src/cli/commands/<name>.ts with `export default defineCommand({...})`
 * (options are data, so help can show them; `run` imports the library it needs with `await import()`), and add its
 * row to commands/index.ts. Only the file of the command that is run is loaded, so one command's weight is not
 * another's start-up time. Commands throw LayerhookErrors and print through their context.
 *
 * Called as `umoci`, it has umoci's manners: the help's layout, the log's format, exit statuses, usage errors.
 */
import { basename } from 'node:path';
import { isLayerhookError } from '../errors/index.js';
import { type FoundCommand, find } from './args/find.js';
import { globalOptions, readSettings } from './args/globals.js';
import { normalizeFlags } from './args/goflags.js';
import { parseArguments } from './args/parse.js';
import { usageError } from './args/usage.js';
import type { CommandSpec, CommandTable, OptionSpecs, OptionValues, Persona } from './command.js';
import { execute, print } from './execute.js';
import { report } from './output/report.js';
import { errorOutput } from './output/streams.js';
import type { Settings } from './settings.js';

/**
 * Runs one command line and says how it ended.
 *
 * @param argv as process.argv
 * @returns the exit status
 */
export async function main(argv: readonly string[], table: CommandTable): Promise<number> {
  const persona: Persona = basename(argv[1] ?? '') === 'umoci' ? 'umoci' : 'layerhook';
  const words = argv.slice(2);
  const tell = (error: unknown) =>
    report(error, { settings: guessSettings(words), persona, write: errorOutput.write });
  process.on('uncaughtException', (error) => process.exit(tell(error)));
  try {
    return await dispatch(words, table, persona);
  } catch (error) {
    return tell(error);
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
    checkGiven(spec, parsed, name);
    return execute(spec, parsed.args, parsed.options, {
      name: found.path.join(' '),
      settings,
      persona,
    });
  }
  const { flags } = normalizeFlags(found.kind === 'group' ? found.rest : [], globalOptions, name, 'pass');
  const { options } = parseArguments([...leading.flags, ...flags], globalOptions, name, persona);
  readSettings(options, persona);
  if (found.kind === 'unknown') return unknownCommand(found.path, persona);
  if (options.version) return print((await import('./version.js')).versionText(persona));
  return print((await import('./help.js')).overview(persona, found));
}

interface Parsed {
  args: string[];
  options: OptionValues<typeof globalOptions & OptionSpecs>;
}

/** Parses the options of the command and the global ones together: those of the command come first. */
async function parse(
  [leading, rest]: [readonly string[], readonly string[]],
  spec: CommandSpec,
  name: string,
  persona: Persona,
  found: FoundCommand,
): Promise<Parsed> {
  const known = { ...globalOptions, ...spec.options };
  try {
    const { flags } = normalizeFlags(rest, known, name, 'pass');
    const parsed = parseArguments([...leading, ...flags], known, name, persona);
    return parsed;
  } catch (error) {
    if (persona === 'umoci' && isLayerhookError(error, 'USAGE')) {
      // umoci shows the command's help on stdout, and the error on stderr
      const { commandHelp } = await import('./help.js');
      print(`Incorrect Usage: ${error.message}\n\n${commandHelp(persona, found, spec)}\n`);
    }
    throw error;
  }
}

function checkGiven(spec: CommandSpec, parsed: Parsed, command: string): void {
  const fail = (reason: string) => usageError(reason, command);
  const values: Record<string, unknown> = parsed.options;
  for (const [key, option] of Object.entries({ ...globalOptions, ...spec.options } as OptionSpecs)) {
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

async function unknownCommand(path: readonly string[], persona: Persona): Promise<number> {
  const words = path.join(' ');
  const { umociOnly } = await import('./umoci/umoci-only.js');
  if (umociOnly.has(words)) {
    throw usageError(`${words} is a command of umoci that layerhook does not have yet`, persona);
  }
  if (persona !== 'umoci') throw usageError(`unknown command ${words}`, persona);
  errorOutput.write(`No help topic for '${path.at(-1)}'\n`);
  return 3;
}

/** How to report an error in the options themselves, which are not parsed then. */
function guessSettings(words: readonly string[]): Pick<Settings, 'format' | 'color' | 'debug'> {
  const json = /(^|\0)--?log-format[=\0]json(\0|$)/.test(words.join('\0'));
  return { format: json ? 'json' : 'text', color: false, debug: words.includes('--debug') };
}
