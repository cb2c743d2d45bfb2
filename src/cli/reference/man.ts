import { flagsOf, programExamples, type ReferenceEntry } from './walk.js';

/**
 * Returns the man page of the program or of one command; man(7).
 *
 * @param version of the program, for the footer
 */
export function manPage(entry: ReferenceEntry, version: string): string {
  const { path, summary, spec, group, commands, options } = entry;
  const name = ['layerhook', ...path];
  const usage = spec ? `[options] ${spec.usage}` : 'COMMAND [options] [arguments]';
  const description = spec?.description ?? group?.description;
  const examples = path.length === 0 ? programExamples : (spec?.examples ?? []);
  const lines = [
    `.TH ${name.join('-').toUpperCase()} 1 "" "layerhook ${version}" "User Commands"`,
    ...['.SH NAME', `${roff(name.join('-'))} \\- ${roff(summary)}`],
    ...['.SH SYNOPSIS', `.B ${roff(name.join(' '))}`, ...usage.split('\n').map(roff)],
    ...(description === undefined ? [] : ['.SH DESCRIPTION', ...paragraphs(description)]),
    ...(commands.length === 0 ? [] : ['.SH COMMANDS', ...commands.flatMap(commandLines)]),
    ...['.SH OPTIONS', ...Object.entries(options).flatMap(optionLines)],
    ...(examples.length === 0 ? [] : ['.SH EXAMPLES', '.nf', ...examples.map(roff), '.fi']),
    ...['.SH SEE ALSO', seeAlso(entry)],
  ];
  return `${lines.join('\n')}\n`;
}

/** Returns the name of the file of a man page, such as `layerhook-store-ls.1`. */
export function manFile({ path }: Pick<ReferenceEntry, 'path'>): string {
  return `${['layerhook', ...path].join('-')}.1`;
}

function paragraphs(text: string): string[] {
  return text.split('\n').map((line) => (line === '' ? '.PP' : roff(line)));
}

function commandLines({ name, summary }: ReferenceEntry['commands'][number]): string[] {
  return ['.TP', `.B ${roff(name)}`, roff(summary)];
}

function optionLines([name, option]: [string, ReferenceEntry['options'][string]]): string[] {
  const value = option.value === undefined ? '' : ` \\fI${roff(option.value)}\\fR`;
  const flags = flagsOf(name, option).map((flag) => `\\fB${roff(flag)}\\fR${value}`);
  return ['.TP', flags.join(', '), roff(option.describe)];
}

function seeAlso({ path, commands }: ReferenceEntry): string {
  const above = path.length === 0 ? [] : [['layerhook', ...path.slice(0, -1)].join('-')];
  const below = commands
    .filter(({ name, of }) => name === of)
    .map(({ name }) => ['layerhook', ...path, name].join('-'));
  return [...above, ...below].map((page) => `\\fB${roff(page)}\\fR(1)`).join(',\n');
}

/** Escapes text for roff: backslashes, minus signs, and dots and quotes at the start of a line. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&');
}
