import { readFileSync } from 'node:fs';
import test from 'ava';
import { visible } from '../../src/cli/args/find.js';
import { globalOptions } from '../../src/cli/args/globals.js';
import type { CommandTable, OptionSpecs } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands/index.js';

/** The commands and flags that docs/umoci.md lists, by command. */
function documented(): Map<string, string[]> {
  const rows = readFileSync('docs/umoci.md', 'utf8').matchAll(/^\| (`[^|]+`) \| (`-[^|]+`) \|/gm);
  return new Map(Array.from(rows, ([, names, flags]) => [words(names!).join(', '), words(flags!).sort()]));
}

const words = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, word]) => word!);

/** The commands and flags that the program has as umoci, without its own extensions. */
async function existing(table: CommandTable, prefix = ''): Promise<[string, string[]][]> {
  const found: [string, string[]][] = [];
  for (const [name, entry] of visible(table, 'umoci')) {
    if ('commands' in entry) found.push(...(await existing(entry.commands, `${prefix}${name} `)));
    else {
      const names = [name, ...(entry.aliases ?? [])].map((each) => `${prefix}${each}`).join(', ');
      found.push([names, flagsOf((await entry.load()).default.options)]);
    }
  }
  return found;
}

function flagsOf(options: OptionSpecs): string[] {
  return Object.entries(options)
    .filter(([, option]) => !option.extension)
    .flatMap(([name, { alias = [] }]) => [name, ...alias])
    .map((name) => `${name.length === 1 ? '-' : '--'}${name}`)
    .sort();
}

/** Commands of the group `raw` that umoci lacks. */
const own = ['raw compare-trees', 'raw overlay-tar', 'raw upperdir-changes'];

test('docs/umoci.md lists every flag of every command of umoci, and the program has them', async (t) => {
  const found = new Map((await existing(commands)).filter(([name]) => !own.includes(name)));
  const listed = documented();
  t.true(listed.size >= 15);
  for (const [name, flags] of listed) t.deepEqual(found.get(name), flags, name);
});

test('docs/umoci.md lists the global options of umoci', (t) => {
  const text = readFileSync('docs/umoci.md', 'utf8');
  for (const flag of flagsOf(globalOptions)) t.true(text.includes(`\`${flag}\``), flag);
});
