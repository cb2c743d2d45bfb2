import test from 'ava';
import { type CommandSpec, type CommandTable, optionsOf } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';

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
