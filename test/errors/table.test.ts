import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  type ErrorCode,
  errorTable,
  exitClasses,
  exitStatusOf,
  isLayerhookError,
  LayerhookError,
} from '../../src/errors/index.js';
import { committedFiles } from '../helpers/repository.js';
import { errorRows, statusRows } from './docs.js';

const codes = Object.keys(errorTable) as ErrorCode[];

test('the table is sorted by code', (t) => {
  t.deepEqual(codes, [...codes].sort());
});

test('messages and hints are one line, without a full stop; exit statuses are those of a process', (t) => {
  for (const code of codes) {
    const { message, hint } = errorTable[code];
    const exit = exitStatusOf(code);
    for (const text of [message, hint]) t.regex(text, /^\S[^\n]*[^\s.]$/, code);
    t.true(Number.isInteger(exit) && exit >= 1 && exit <= 255, code);
  }
});

test('each code has one class, and each class its own exit status', (t) => {
  const classes = Object.values(exitClasses);
  t.deepEqual(classes.flatMap(({ codes }) => codes).sort(), [...codes].sort());
  for (const { codes } of classes) t.deepEqual(codes, [...codes].sort());
  t.is(new Set(classes.map(({ status }) => status)).size, classes.length);
});

test('every code is used by the source, drivers or hooks', (t) => {
  const source = committedFiles()
    .filter(
      (path) =>
        /^(src|drivers|hooks)\/.*\.ts$/.test(path) && !/^src\/errors\/(table|classes)\.ts$/.test(path),
    )
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
  t.deepEqual(
    codes.filter((code) => !source.includes(`'${code}'`)),
    [],
  );
});

test('an error fills the placeholders of message and hint, and keeps details and cause', (t) => {
  const cause = new Error('below');
  const error = new LayerhookError('LAYOUT_NOT_FOUND', { path: '/images/a' }, cause);
  t.is(error.message, 'no OCI image layout at /images/a');
  t.is(error.hint, 'create one with: layerhook init --layout /images/a');
  t.is(error.exitStatus, 3);
  t.is(error.cause, cause);
  t.deepEqual(error.details, { path: '/images/a' });
  t.true(isLayerhookError(error, 'LAYOUT_NOT_FOUND'));
  t.false(isLayerhookError(error, 'ABORTED'));
  t.false(isLayerhookError(cause));
});

test('no placeholder is left over in any row', (t) => {
  for (const code of codes) {
    const row = errorTable[code];
    const names = [...`${row.message} ${row.hint}`.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    const details = Object.fromEntries(names.map((name) => [name, `<${name}>`]));
    const error = new LayerhookError(code, details as never);
    t.notRegex(error.message + error.hint, /[{}]/, code);
    for (const name of names)
      t.true(`${error.message} ${error.hint}`.includes(`<${name}>`), `${code} ${name}`);
  }
});

test('control characters in a name of an image do not reach the terminal', (t) => {
  const error = new LayerhookError('FILE_CHANGED', { path: 'a\n\u001b[2Jb\u007f\u009b' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notRegex(error.message, /[\u0000-\u001f\u007f-\u009f]/);
  t.regex(error.message, /a\\n/);
});

test('docs/errors.md lists the same rows in the same order', (t) => {
  const document = readFileSync('docs/errors.md', 'utf8');
  const rows = document.split('\n').filter((line) => line.startsWith('| `'));
  t.deepEqual(rows, errorRows(), 'run: node dist/test/errors/docs.js');
  const statuses = document.split('\n').filter((line) => /^\| \d/.test(line));
  t.deepEqual(statuses, statusRows(), 'run: node dist/test/errors/docs.js');
});
