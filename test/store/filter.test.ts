import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { compileFilters } from '../../src/store/filter/index.js';
import { run } from '../helpers/cli.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { commitFile, freshStore, walkAll } from './helpers.js';

const info = {
  kind: 'committed' as const,
  name: 'sha256:abc',
  parent: 'base',
  labels: { plain: 'yes', 'a/b': 'slash, comma', 'x.y': 'dots', 'with "quotes"': 'q', tab: 'a\tb' },
  created: new Date(),
  updated: new Date(),
};

const matching = [
  '',
  'name',
  'name==sha256:abc',
  'name == sha256:abc',
  'parent==base,kind==committed',
  'parent != other',
  'kind!=active',
  'labels.plain',
  'labels.plain==yes',
  'labels."plain"==yes',
  'labels."a/b"=="slash, comma"',
  'labels.x.y==dots',
  'labels."x.y"==dots',
  'labels."with \\"quotes\\""==q',
  'labels.tab=="a\\tb"',
  'labels.tab=="a\\x09b"',
  'labels.tab=="a\\u0009b"',
  'labels.tab=="a\\011b"',
  'labels.missing!=x',
  'name~=^sha256:[a-f]+$',
  'name~="^sha256:"',
  'name~=/^sha256:a/',
  'name~=|b.$|',
  'name~=/(?i)SHA256/',
  'labels.plain~=/^(?P<letter>y)e\\\\w\\\\z/',
  'labels.plain~=[[:alpha:]]',
];
for (const filter of matching) {
  test(`the filter ${filter} matches`, (t) => t.true(compileFilters([filter])(info)));
}

const others = [
  'name==sha256',
  'kind==active',
  'parent==base,kind==view',
  'labels',
  'labels.missing',
  'unknown',
  'labels.plain==no',
  'labels.plain!=yes',
  'name~=^abc',
  'labels.constructor',
];
for (const filter of others) {
  test(`the filter ${filter} does not match`, (t) => t.false(compileFilters([filter])(info)));
}

const malformed = [
  'name=sha256',
  'name===x',
  'name==',
  '==x',
  'name==x,',
  ',name',
  'name,,parent',
  'name==a b',
  'name parent',
  'name.',
  '.name',
  'labels."open==x',
  'name=="open',
  'name==/x/',
  '/name/==x',
  'name=="\\q"',
  'name=="\\xzz"',
  'name=="\\U00110000"',
  'name~=(',
  'name~=/a\nb/',
  'náme==x',
];
for (const filter of malformed) {
  test(`the filter ${JSON.stringify(filter)} is malformed`, (t) => {
    t.throws(() => compileFilters([filter]), { code: 'SNAPSHOT_ARGUMENT' });
  });
}

test('one matching filter of several is enough; an empty list matches all', (t) => {
  t.true(compileFilters(['kind==view', 'kind==committed'])(info));
  t.false(compileFilters(['kind==view', 'kind==active'])(info));
  t.true(compileFilters([])(info));
});

test('a malformed filter says where', (t) => {
  t.throws(() => compileFilters(['name==x,=y']), { message: /filter name==x,=y .* character 9: a field/ });
});

test('walk gives what the filters match, in the order of the names’ bytes', async (t) => {
  const store = await freshStore(t);
  for (const name of ['b', 'a', 'ä', 'Z']) await store.prepare(name, '', { labels: { of: name } });
  t.deepEqual(
    (await walkAll(store)).map(({ name }) => name),
    ['Z', 'a', 'b', 'ä'],
  );
  t.deepEqual(
    (await walkAll(store, ['labels.of==a', 'name==b'])).map(({ name }) => name),
    ['a', 'b'],
  );
  await t.throwsAsync(walkAll(store, ['name=']), { code: 'SNAPSHOT_ARGUMENT' });
});

test('walk gives the same for filters that name the parent', async (t) => {
  const store = await freshStore(t);
  for (const base of ['base', 'other']) await commitFile(store, base);
  for (const name of ['b', 'ä', 'a']) await store.prepare(name, 'base', { labels: { of: name } });
  await store.prepare('c', 'other');
  const filters = [
    ['parent==base'],
    ['parent=="base",labels.of==a'],
    ['labels.of,parent==base', 'parent==base,name==b'],
    ['parent==base', 'parent==other'],
    ['parent==base', 'name==c'],
    ['parent==base,parent==other'],
    ['parent==""'],
    ['parent!=base'],
    ['parent~=base'],
    ['parent.x==base'],
    ['parent==none'],
  ];
  const all = await walkAll(store);
  for (const given of filters) {
    const expected = all.filter(compileFilters(given));
    t.deepEqual(await walkAll(store, given), expected, given.join(' '));
  }
});

test('an expression that backtracks for years is refused, and the others go on', async (t) => {
  const store = await freshStore(t);
  await store.prepare(`${'a'.repeat(100)}b`, '');
  const slow = { code: 'SNAPSHOT_ARGUMENT', message: /matching takes longer/ };
  await t.throwsAsync(walkAll(store, ['name~=/^(a+)+$/']), slow);
  t.is((await walkAll(store, ['name~=/^a+b$/'])).length, 1);
});

test('__proto__ is a label like others', async (t) => {
  const store = await freshStore(t);
  await store.prepare('key', '');
  const labels = JSON.parse('{"__proto__":"x"}');
  await store.update({ name: 'key', labels }, ['labels.__proto__']);
  t.deepEqual(Object.entries((await store.stat('key')).labels), [['__proto__', 'x']]);
});

/** Walks with a regular expression while 0, 1, … descriptors are free, and prints how often that worked. */
const walking = `
  import { closeSync, openSync } from 'node:fs';
  import { openStore } from '${pathToFileURL('dist/src/store.js')}';
  const store = await openStore({ root: process.argv[1] });
  // modules that it needs are loaded
  for await (const _ of store.walk(['name~=/a/']));
  const results = [];
  for (let free = 0; free < 20; free++) {
    const taken = [];
    try {
      for (;;) taken.push(openSync('/dev/null'));
    } catch {
      for (const fd of taken.splice(0, free)) closeSync(fd);
    }
    try {
      for await (const _ of store.walk(['name~=/a/']));
      results.push('done');
    } catch (error) {
      results.push(error.code + (error.message.includes('EMFILE') ? ' EMFILE' : ''));
    }
    for (const fd of taken) closeSync(fd);
  }
  await store.close();
  console.log(results.join());`;

test('without descriptors for the time limit, a filter is refused, and the process goes on', async (t) => {
  if (!requires(t, 'prlimit')) return;
  const command = [process.execPath, '--input-type=module', '-e', walking, join(tmpdir(t), 'store')];
  const { stdout, stderr } = await run('prlimit', ['--nofile=128', ...command]);
  const results = stdout.trim().split(',');
  t.deepEqual([...new Set(results)], ['SYSTEM EMFILE', 'done'], stdout + stderr);
  t.is(results.lastIndexOf('SYSTEM EMFILE'), results.indexOf('done') - 1);
});
