import { readFileSync } from 'node:fs';
import test from 'ava';
import { committedFiles } from '../helpers/repository.js';

const maxLines = 400;
const text = committedFiles().filter((path) => !/\.(gz|tar|zst|png|jpg|gif|bin)$/.test(path));

test('no source file is longer than 400 lines', (t) => {
  const long = text
    .filter((path) => /\.(ts|js|mjs|sh)$/.test(path))
    .filter((path) => lines(path).length > maxLines + 1);
  t.deepEqual(long, []);
});

test('no committed file names a path of a machine it was written on', (t) => {
  // written so that this file does not match itself
  const places = [
    '/wo' + 'rk/',
    '/tmp/w' + 't/',
    '/tmp/pe' + 'ers',
    '/dev/shm/[a-z]+[0-9]?/',
    '/ho' + 'me/\\w+/',
  ];
  const pattern = new RegExp(`(?<![\\w.$}])(?:${places.join('|')})`);
  const found = text.flatMap((path) =>
    lines(path).flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
  t.deepEqual(found, []);
});

test('the lock file has no download addresses, but every package with its integrity', (t) => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; inBundle?: boolean }>;
  };
  const installed = Object.entries(lock.packages).filter(
    ([path, row]) => path.startsWith('node_modules/') && !row.link,
  );
  t.true(installed.length > 50);
  t.deepEqual(
    installed.filter(([, row]) => row.resolved !== undefined),
    [],
  );
  t.deepEqual(
    installed.filter(([, row]) => row.integrity === undefined),
    [],
  );
});

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n');
}
