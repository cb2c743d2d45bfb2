import { type FoundCommand, type FoundGroup, visible } from './args/find.js';
import { globalOptions } from './args/globals.js';
import {
  type CommandGroup,
  type CommandSpec,
  type OptionSpec,
  type OptionSpecs,
  optionsOf,
  type Persona,
} from './command.js';
import { programExamples, programSummary } from './reference/walk.js';
import { shortVersion } from './version.js';

/** One block of a help text: a heading and the text below it. */
type Section = [heading: string, body: string];

const summaries = {
  layerhook: programSummary,
  umoci: 'umoci modifies Open Container images (this program is layerhook)',
} as const;

/** Returns the help of the program or of a command group, with the list of its commands. */
export function overview(persona: Persona, { path, table, group }: FoundGroup): string {
  const name = [persona, ...path].join(' ');
  const usage = `${name} ${group ? '' : '[global options] '}command [command options] [arguments...]`;
  const sections: Section[] = [
    ['NAME', `${name} - ${group?.summary ?? summaries[persona]}`],
    ['USAGE', usage],
  ];
  if (!group && persona === 'layerhook') sections.push(['EXAMPLES', programExamples.join('\n')]);
  if (group) sections.push(['DESCRIPTION', group.description]);
  else sections.push(['VERSION', shortVersion(persona)]);
  sections.push(['COMMANDS', commandList(persona, table, group)]);
  sections.push([group ? 'OPTIONS' : 'GLOBAL OPTIONS', optionList(group ? {} : globalOptions, persona)]);
  return render(sections);
}

/** Returns the help of one command. */
export function commandHelp(persona: Persona, { path, entry }: FoundCommand, spec: CommandSpec): string {
  const name = [persona, ...path].join(' ');
  const sections: Section[] = [
    ['NAME', `${name} - ${entry.summary}`],
    ['USAGE', `${name} [command options] ${spec.usage}`.trimEnd()],
    ['DESCRIPTION', spec.description],
  ];
  if (persona === 'layerhook') sections.push(['EXAMPLES', spec.examples.join('\n')]);
  if (entry.group) sections.push(['CATEGORY', entry.group]);
  sections.push(['OPTIONS', optionList(optionsOf(spec), persona)]);
  if (persona === 'layerhook') sections.push(['GLOBAL OPTIONS', `See ${persona} --help.`]);
  return render(sections);
}

/** Uses the layout of urfave/cli, which users of umoci know. */
function render(sections: readonly Section[]): string {
  return sections
    .map(([heading, body]) => `${heading}:\n${body.replace(/^(?=.)/gm, '   ')}\n`)
    .join('\n')
    .trimEnd();
}

function commandList(
  persona: Persona,
  table: CommandGroup['commands'],
  group: CommandGroup | undefined,
): string {
  const rows = visible(table, persona).filter(([, entry]) => !entry.hidden);
  const list = (wanted: string | undefined) =>
    rows
      .filter(([, entry]) => entry.group === wanted)
      .map(([name, entry]): [string, string] => [[name, ...(entry.aliases ?? [])].join(', '), entry.summary]);
  const loose = list(undefined);
  if (!group) loose.push(['help, h', 'show the list of commands, or the help of one command']);
  const headed = (['image', 'layout'] as const)
    .map((heading) => [heading, list(heading)] as const)
    .filter(([, entries]) => entries.length > 0)
    .map(([heading, entries]) => `${heading}:\n${columns(entries).replace(/^/gm, '  ')}`);
  return [columns(loose), ...headed].filter(Boolean).join('\n\n');
}

function optionList(options: OptionSpecs, persona: Persona): string {
  const shown: OptionSpecs = { ...options, help: globalOptions.help };
  return columns(
    Object.entries(shown)
      .filter(([, option]) => !option.hidden && !(option.extension && persona === 'umoci'))
      .map(([name, option]) => [optionNames(name, option), option.describe]),
  );
}

function optionNames(name: string, option: OptionSpec): string {
  const value = option.value === undefined ? '' : ` ${option.value}`;
  return [name, ...(option.alias ?? [])]
    .map((each) => `${each.length === 1 ? '-' : '--'}${each}${value}`)
    .join(', ');
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`).join('\n');
}
