import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { documentFile, withPicture } from './architecture.js';

const document = readFileSync(documentFile, 'utf8');

test('docs/architecture.md shows the present imports', async (t) => {
  t.is(document, await withPicture(document), 'run: node dist/test/structure/architecture.js');
});

test('a picture of other imports is noticed', async (t) => {
  const other = document.replace('  engine --> ', '  engine --> cli\n  engine --> ');
  t.not(other, document);
  t.not(other, await withPicture(other));
});

test('every folder and file that docs/architecture.md names exists', (t) => {
  const named = [...document.matchAll(/`((?:src|drivers|hooks|test|docs)\/[\w./-]+)`/g)].map(
    (match) => match[1]!,
  );
  t.true(named.length > 20);
  t.deepEqual(
    named.filter((path) => !existsSync(path)),
    [],
  );
});
