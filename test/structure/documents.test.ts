import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { committedFiles } from '../helpers/repository.js';

const documents = committedFiles().filter((path) => path.endsWith('.md'));

test('every file of the repository that a document names in backquotes exists', (t) => {
  const missing = documents.flatMap((document) => {
    const named = [...text(document).matchAll(/`((?:src|test|docs|drivers|hooks)\/[\w./-]+\.\w+)`/g)];
    // a part in capitals stands for any name: drivers/NAME/index.ts
    const paths = named
      .map(([, path]) => path!)
      .filter((path) => !/\/[A-Z]{4,}[/.]/.test(path.replace('README', '')));
    return paths.flatMap((path) => (existsSync(path) ? [] : [`${document}: ${path}`]));
  });
  t.deepEqual(missing, []);
});

test('every relative link of a document leads to a file', (t) => {
  const broken = documents.flatMap((document) => {
    const targets = [...text(document).matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)(?:#[^)]*)?\)/g)];
    return targets.flatMap(([, target]) =>
      existsSync(join(dirname(document), target!)) ? [] : [`${document}: ${target}`],
    );
  });
  t.deepEqual(broken, []);
});

test('every threat that is defended names the test that shows it', (t) => {
  const [defended] = text('docs/security.md').split('## What cannot be');
  const rows = defended!.split('\n').filter((line) => /^\| (?!threat|---)/.test(line));
  t.true(rows.length > 10);
  for (const row of rows) t.regex(row, /`test\/[\w./-]+\.test\.ts` \|$/);
});

test('every test of a hostile image is named in docs/security.md', (t) => {
  const security = text('docs/security.md');
  const hostile = committedFiles().filter((path) => /^test\/e2e\/hostile\/.*\.test\.ts$/.test(path));
  t.deepEqual(
    hostile.filter((path) => !security.includes(path)),
    [],
  );
});

function text(path: string): string {
  return readFileSync(path, 'utf8');
}
