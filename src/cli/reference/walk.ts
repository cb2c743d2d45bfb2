import { visible } from '../args/find.js';
import { globalOptions } from '../args/globals.js';
import {
  type CommandGroup,
  type CommandSpec,
  type CommandTable,
  type OptionSpecs,
  optionsOf,
} from '../command.js';

/** A command or a group of commands as completions and man pages describe it. */
export interface ReferenceEntry {
  /** words after the name of the program; empty for the program itself */
  path: readonly string[];
  summary: string;
  /** names and aliases with summaries; empty for a command */
  commands: readonly { name: string; summary: string /** the name that an alias stands for */; of: string }[];
  options: OptionSpecs;
  /** what an argument of the command can be; missing: names of files and others */
  words?: readonly string[] | undefined;
  /** missing for a group */
  spec?: CommandSpec;
  group?: CommandGroup;
}

export const programSummary =
  'unpack OCI images into runtime bundles, and repack changed bundles into layers';

/** What to try first, for the help and the man page of the program. */
export const programExamples: readonly string[] = [
  'layerhook unpack --pull docker://debian:12 bundle',
  'layerhook repack --tag mine bundle',
  'layerhook help unpack',
];

/** Lists the program, its groups and its commands, without hidden ones: each before what is below it. */
export async function listReference(table: CommandTable): Promise<ReferenceEntry[]> {
  const { help } = globalOptions;
  const program = {
    path: [],
    summary: programSummary,
    commands: rowsOf(table),
    options: shown(globalOptions),
  };
  return [program, ...(await below([], table, { help }))];
}

async function below(
  path: readonly string[],
  table: CommandTable,
  help: OptionSpecs,
): Promise<ReferenceEntry[]> {
  const lists = visible(table, 'layerhook').map(async ([name, entry]): Promise<ReferenceEntry[]> => {
    if (entry.hidden) return [];
    const own = [...path, name];
    const { summary } = entry;
    if (!('load' in entry)) {
      const { commands } = entry;
      const rest = await below(own, commands, help);
      return [{ path: own, summary, commands: rowsOf(commands), options: help, group: entry }, ...rest];
    }
    const spec = (await entry.load()).default;
    const options = { ...shown(optionsOf(spec)), ...help };
    return [{ path: own, summary, commands: [], words: spec.words, options, spec }];
  });
  return (await Promise.all(lists)).flat();
}

function rowsOf(table: CommandTable): ReferenceEntry['commands'] {
  return visible(table, 'layerhook')
    .filter(([, { hidden }]) => !hidden)
    .flatMap(([name, { aliases = [], summary }]) =>
      [name, ...aliases].map((each) => ({ name: each, summary, of: name })),
    );
}

function shown(options: OptionSpecs): OptionSpecs {
  return Object.fromEntries(Object.entries(options).filter(([, { hidden }]) => !hidden));
}

/** Returns an option's names as a user types them: `--quiet`, `-q`. */
export function flagsOf(name: string, { alias = [] }: OptionSpecs[string]): string[] {
  return [name, ...alias].map((each) => `${each.length === 1 ? '-' : '--'}${each}`);
}
