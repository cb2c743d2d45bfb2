import type { CommandEntry, CommandGroup, CommandTable, Persona } from '../command.js';

interface Found {
  /** words of the command without aliases, such as `raw mtree-validate` */
  path: string[];
  /** arguments after the command */
  rest: readonly string[];
  /** True for `help COMMAND`. */
  help: boolean;
}

export interface FoundCommand extends Found {
  kind: 'command';
  entry: CommandEntry;
}

/** Words that name a table of commands: the root table, or a group such as `raw`. */
export interface FoundGroup extends Found {
  kind: 'group';
  table: CommandTable;
  group: CommandGroup | undefined;
}

/** A word that no command has. */
export interface FoundNothing extends Found {
  kind: 'unknown';
  /** where the last word of `path` was looked up */
  table: CommandTable;
}

export type Finding = FoundCommand | FoundGroup | FoundNothing;

/** Finds the command that `words` begin with, by name or alias. `help` may come before any of the words. */
export function find(words: readonly string[], root: CommandTable, persona: Persona): Finding {
  const path: string[] = [];
  let rest = words;
  let help = false;
  let table = root;
  let group: CommandGroup | undefined;
  for (;;) {
    const word = rest[0];
    if (word === undefined || word.startsWith('-')) return { kind: 'group', table, group, path, rest, help };
    rest = rest.slice(1);
    if (word === 'help' || word === 'h') {
      help = true;
      continue;
    }
    const [name, entry] = lookUp(word, table, persona) ?? [word];
    path.push(name);
    if (entry === undefined) return { kind: 'unknown', table, path, rest, help };
    if ('load' in entry) return { kind: 'command', entry, path, rest, help };
    table = entry.commands;
    group = entry;
  }
}

/** Returns the rows of a table that exist under this name of the program. */
export function visible(table: CommandTable, persona: Persona): [string, CommandEntry | CommandGroup][] {
  return Object.entries(table).filter(([, entry]) => (entry.persona ?? persona) === persona);
}

/** Returns the names and aliases of the commands that the help of a table shows. */
export function shownNames(table: CommandTable, persona: Persona): string[] {
  return visible(table, persona)
    .filter(([, { hidden }]) => !hidden)
    .flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
}

function lookUp(word: string, table: CommandTable, persona: Persona) {
  return visible(table, persona).find(([name, entry]) => name === word || entry.aliases?.includes(word));
}
