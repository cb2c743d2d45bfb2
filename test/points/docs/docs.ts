/** Rewrites the tables and the sample context of docs/hook-protocol.md: `node dist/test/points/docs/docs.js`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { encodeContext } from '../../../src/config/context-json.js';
import { sampleContext } from '../../../src/config/sample.js';
import { contextGroups, type Field, type ResultField } from '../../../src/points/fields.js';
import { type PointRow, pointNames, pointRow } from '../../../src/points/table.js';
import { typeWords } from '../../../src/points/words.js';

const begin = '<!-- from src/points/table.ts: node dist/test/points/docs/docs.js -->';
const end = '<!-- end -->';

/** Returns the document with a new sample context and new text between the two marks. */
export function withPoints(document: string): string {
  const [head, rest] = splitAt(document, begin);
  const [, tail] = splitAt(rest, end);
  const sample = encodeContext('unpack.ociv1.layer.try-skip', sampleContext('unpack.ociv1.layer.try-skip'));
  const json = JSON.stringify(JSON.parse(sample.toString()), null, 2);
  return `${head.replace(/```json\n[\s\S]*?\n```/, () => `\`\`\`json\n${json}\n\`\`\``)}${begin}\n\n${section()}\n${end}${tail}`;
}

function section(): string {
  const groups = Object.keys(contextGroups).flatMap((name, i, all) => [
    `### ${title(name)}`,
    i === 0 ? 'In every context:' : `In addition to those of ${link(all[i - 1] as string)}:`,
    fieldTable(contextGroups[name] ?? {}),
  ]);
  return [
    '## The points',
    ...pointNames.flatMap((name) => pointSection(name, pointRow(name))),
    '## Fields that contexts share',
    ...groups,
    '## Types',
    rows(
      ['Type', 'Is'],
      Object.entries(typeWords).map(([word, { says }]) => [word, says]),
    ),
    '',
  ].join('\n\n');
}

function pointSection(name: string, row: PointRow): string[] {
  const groups = Object.keys(contextGroups).filter((group) =>
    Object.keys(contextGroups[group] ?? {}).every((field) => field in row.context),
  );
  const shared = new Set(groups.flatMap((group) => Object.keys(contextGroups[group] ?? {})));
  const own = Object.entries(row.context).filter(([field]) => !shared.has(field));
  const context = `Context: ${link(groups.at(-1) as string)}${own.length === 0 ? '.' : ', and:'}`;
  return [
    `### ${name}`,
    row.says,
    rows(
      ['Kind', 'Called', 'on-failure'],
      [[row.kind, row.called, row.onFailure.map((policy) => `\`"${policy}"\``).join(', ')]],
    ),
    context,
    ...(own.length === 0 ? [] : [fieldTable(Object.fromEntries(own))]),
    ...resultSection(row.result),
  ];
}

function resultSection(result: PointRow['result']): string[] {
  if (result.form === 'none') return ['Result: nothing.'];
  if (result.form === 'whole') return [`Result: ${result.says}.`];
  if (result.form === 'union') {
    const forms = Object.entries(result.forms);
    return [
      `Result: an object in one of these forms, which \`${result.by}\` names:`,
      ...forms.flatMap(([name, { says, fields }]) => [
        `\`${result.by}: "${name}"\`: ${says}.`,
        resultTable(fields),
      ]),
    ];
  }
  return [
    result.form === 'stream' ? 'Result: a stream, each with:' : 'Result: an object with:',
    resultTable(result.fields),
  ];
}

function resultTable(fields: Readonly<Record<string, ResultField>>): string {
  return rows(
    ['Key', 'Type', 'Required', 'What'],
    Object.entries(fields).map(([name, { type, required, says }]) => [
      `\`${name}\``,
      type,
      required ? 'yes' : 'no',
      says,
    ]),
  );
}

function fieldTable(fields: Readonly<Record<string, Field>>): string {
  return rows(
    ['Field', 'Type', 'What'],
    Object.entries(fields).map(([name, { type, says }]) => [`\`${name}\``, type, says]),
  );
}

function rows(head: string[], body: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

function title(group: string): string {
  return group === 'common' ? 'Common fields' : `Fields of the ${group}`;
}

function link(group: string): string {
  const text = title(group);
  return `[${text.toLowerCase()}](#${text.toLowerCase().replaceAll(' ', '-')})`;
}

function splitAt(text: string, mark: string): [string, string] {
  const index = text.indexOf(mark);
  if (index === -1) throw new Error(`docs/hook-protocol.md has no ${mark}`);
  return [text.slice(0, index), text.slice(index + mark.length)];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync('docs/hook-protocol.md', withPoints(readFileSync('docs/hook-protocol.md', 'utf8')));
}
