import test from 'ava';
import { find } from '../../src/cli/args/find.js';
import { globalOptions } from '../../src/cli/args/globals.js';
import { normalizeFlags } from '../../src/cli/args/goflags.js';
import { parseArguments } from '../../src/cli/args/parse.js';
import { type CommandSpec, type CommandTable, optionsOf } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';
import { checkGiven } from '../../src/cli/program.js';
import { manPage } from '../../src/cli/reference/man.js';
import { listReference } from '../../src/cli/reference/walk.js';

interface Row {
  name: string;
  summary: string;
  description: string;
  spec?: CommandSpec;
}

async function rows(table: CommandTable, before = ''): Promise<Row[]> {
  const found = Object.entries(table).map(async ([word, entry]): Promise<Row[]> => {
    const name = `${before}${word}`;
    if ('load' in entry) {
      const spec = (await entry.load()).default;
      return [{ name, summary: entry.summary, description: spec.description, spec }];
    }
    return [{ name, ...entry }, ...(await rows(entry.commands, `${name} `))];
  });
  return (await Promise.all(found)).flat();
}

/** Third person, as in "lists the tags"; these words end with s but are something else. */
const isThirdPerson = (text: string) => /^(?!.*ss$)[a-z]+s$/i.test(text.split(' ', 1)[0]!);

test('summaries are imperatives without a full stop', async (t) => {
  for (const { name, summary } of await rows(commands)) {
    t.regex(summary, /^[a-z].*[^.]$/, name);
    t.false(isThirdPerson(summary), `${name}: ${summary}`);
  }
});

test('descriptions are sentences that start with an imperative, and fit in a terminal', async (t) => {
  for (const { name, description } of await rows(commands)) {
    t.regex(description, /^[A-Z][\s\S]*\.$/, name);
    t.false(!description.startsWith('Commands ') && isThirdPerson(description), `${name}: ${description}`);
    for (const line of description.split('\n')) t.true(line.length <= 76, `${name}: ${line}`);
  }
});

test('options are described by phrases without a full stop, with the default last', async (t) => {
  for (const { name, spec } of await rows(commands)) {
    for (const [option, { describe }] of Object.entries(spec ? optionsOf(spec) : {})) {
      t.regex(describe, /^(?!.*\.( |$))/, `${name} --${option}`);
      t.regex(describe, /^(?:[^(]|\((?!default))*(?:\(default: [^)]+\))?$/, `${name} --${option}`);
    }
  }
});

/** Parses a line with the parser of the command line. @returns the words of the command @throws LayerhookError USAGE */
async function parseLine(line: string): Promise<string> {
  const words = line.replace(/ [<>] \S+/g, '').split(' ');
  const found = find(words.slice(1), commands, 'layerhook');
  if (words[0] !== 'layerhook' || found.kind !== 'command') throw new Error(`no command: ${line}`);
  const spec = (await found.entry.load()).default;
  const known = { ...globalOptions, ...optionsOf(spec) };
  const { flags } = normalizeFlags(found.rest, known, 'layerhook', 'pass');
  checkGiven(spec, parseArguments(flags, known, line, 'layerhook'), line);
  return found.path.join(' ');
}

test('each command has examples, which the parser accepts and the man page repeats', async (t) => {
  const pages = new Map(
    (await listReference(commands)).map((entry) => [entry.path.join(' '), manPage(entry, '1.0')]),
  );
  for (const { name, spec } of await rows(commands)) {
    if (spec === undefined) continue;
    t.true(spec.examples.length > 0, name);
    for (const example of spec.examples) {
      t.is(await parseLine(example), name);
      const line = example.replaceAll('-', '\\-');
      t.true(pages.get(name)?.includes(`\n${line}\n`), `${name}: ${example}`);
    }
  }
});

test('an example with an unknown option, or without a required one, is found', async (t) => {
  await t.throwsAsync(parseLine('layerhook ls --layouts image'), { message: /unknown option '--layouts'/ });
  await t.throwsAsync(parseLine('layerhook ls'), { message: /missing mandatory argument: --layout/ });
  await t.throwsAsync(parseLine('layerhook tag --image image:base'), { message: /positional arguments/ });
  await t.throwsAsync(parseLine('layerhook list-all'), { message: /no command/ });
});
