import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { tmpdir } from '../helpers/tmp.js';

interface Finding {
  line: number;
  wording: string;
  instead: string;
}

const script = join(process.cwd(), 'scripts/plain-english.js');
const { findOddWording, wordings } = (await import(pathToFileURL(script).href)) as {
  findOddWording(path: string, source: string): Finding[];
  wordings: [pattern: RegExp, instead: string][];
};

const odd = [
  'The name is no path.',
  'Its maps are none.',
  'Nobody has the layer.',
  'Closed by whoever opened it.',
  'The lock is to be released.',
  'A hook is asked first.',
  'Files of which stat says something.',
  'The bundle stays as it is.',
  'It is not there any more.',
  'The process ends at once.',
  'The mount is taken away.',
  'The cache begins anew.',
  'Only the file is read then.',
  'Those that are none.',
];

for (const sentence of odd) {
  test(`reported in a comment, a string and a document: ${sentence}`, (t) => {
    const code = `const a = 1;\n// ${sentence}\nthrow new Error('${sentence}');\n`;
    const found = findOddWording('src/a.ts', code);
    t.deepEqual([...new Set(found.map(({ line }) => line))], [2, 3]);
    t.true(found.every(({ wording, instead }) => wording !== '' && instead !== ''));
    t.deepEqual(findOddWording('docs/a.md', `# Title\n\n${sentence}\n`).map(({ line }) => line)[0], 3);
  });
}

test('each wording of the list has a sample here', (t) => {
  const unused = wordings.filter(([pattern]) => !odd.some((sentence) => pattern.test(sentence)));
  t.deepEqual(
    unused.map(([pattern]) => String(pattern)),
    [],
  );
});

const plain: [path: string, source: string][] = [
  ['src/a.ts', 'const whoever = isNo(nobody) ? anew : then;'],
  ['src/a.ts', "import { nobody } from './who.js'; const word = 'nobody';"],
  ['src/a.ts', 'const pattern = /is no [a-z]+/; // matches a sentence'],
  ['src/a.ts', '// The snapshot is no longer trusted, and then it is removed.'],
  ['src/a.ts', '// True if the caller owns the file.'],
  ['docs/a.md', 'Run it:\n\n```console\n# umoci: nobody is asked\n```\n\nRun `nobody is asked` too.'],
];

for (const [path, source] of plain) {
  test(`accepted in ${path}: ${source.replace(/\n/g, ' ')}`, (t) => {
    t.deepEqual(findOddWording(path, source), []);
  });
}

test('the program names file and line, and fails', (t) => {
  const directory = tmpdir(t);
  execFileSync('git', ['init', '-q', directory]);
  writeFileSync(join(directory, 'a.md'), 'Fine.\n\nNobody knows.\n');
  const error = t.throws<Error & { status: number; stderr: Buffer }>(() =>
    execFileSync(process.execPath, [script], { cwd: directory, stdio: 'pipe' }),
  );
  t.is(error?.status, 1);
  t.regex(String(error?.stderr), /^a\.md:3: "Nobody": /);
});
