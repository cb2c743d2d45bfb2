import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ErrorCode, exitStatusOf } from '../../src/errors/index.js';
import { writeImage } from '../../src/testing/image.js';
import { privateDir } from '../config/helpers.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { type Place, provoked } from './provoked.js';

/** What only a program without respect for its reader prints. */
const raw: [what: string, pattern: RegExp][] = [
  ["node's form of a system error", /\bE[A-Z0-9]{3,}: /],
  ["node's name of a call", /, (?:open|l?stat|scandir|mkdir|read|access|unlink|rename|spawn|connect)\b/],
  ['an error code without words', /: E[A-Z]{2,}\b|(?<![\w)'"/] )\(E[A-Z]{2,}\)/],
  ['an internal error', /internal error|see the cause/],
  ['a stack', /\bat .*:\d+:\d+|node:internal/],
  ['a value without a form', /undefined|\[object|NaN|\bnull\b|Error: /],
  ['a control character', /\p{Cc}/u],
];

for (const [code, way] of Object.entries(provoked) as [ErrorCode, (typeof provoked)[ErrorCode]][]) {
  if (typeof way === 'function')
    test.serial(`${code} is one clear line, with its exit status`, async (t) => {
      const [args, names] = await way(placeOf(t));
      const { status, stderr } = await layerhook(['--log-format=json', ...args]);
      const fatal = stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter(({ level }) => level === 'fatal');
      t.is(fatal.length, 1, stderr);
      const { code: actual, message, hint } = fatal[0];
      t.is(actual, code, message);
      t.is(status, exitStatusOf(code));
      t.true(message.includes(names), `${message}, without ${names}`);
      assertClear(t, `${message}; ${hint}`);
    });
  else
    test(`${code} is provoked by another test: ${way.title}`, (t) => {
      const text = readFileSync(way.file, 'utf8');
      const at = text.indexOf(way.title);
      t.not(at, -1, `${way.file} has no such test`);
      // to the next test
      const [body] = text.slice(at).split(/^(?:for|test|rootTest)\b/m);
      t.regex(body!, new RegExp(`\\b${code}\\b`), `the test in ${way.file} does not assert ${code}`);
    });
}

test('the check finds messages that are not clear', (t) => {
  for (const [line, what] of [
    ["cannot read: ENOENT: no such file or directory, open '/x'; y", /form of a system error/],
    ['cannot read /x: EIO; y', /without words/],
    ['internal error: x; y', /an internal error/],
    ['x undefined; y', /without a form/],
    ['x', /a hint/],
  ] as const)
    t.regex(faultsOf(line).join(), what);
  t.deepEqual(faultsOf('cannot read /x: permission denied (EACCES); run as root'), []);
});

function assertClear(t: ExecutionContext<unknown>, line: string): void {
  t.deepEqual(faultsOf(line), [], line);
}

function faultsOf(line: string): string[] {
  const found = raw.filter(([, pattern]) => pattern.test(line)).map(([what]) => what);
  return /^\S.*; \S/.test(line) ? found : [...found, 'not a message and a hint'];
}

function placeOf(t: ExecutionContext<unknown>): Place {
  const dir = privateDir(t);
  const work = join(dir, 'work');
  mkdirSync(work);
  return {
    dir: work,
    image: (name, options, layers = [[{ name: 'a', content: 'a' }]]) =>
      writeImage(join(work, name), layers, options).reference,
    file(name, content) {
      const path = join(work, name);
      writeFileSync(path, content);
      chmodSync(path, 0o644);
      return path;
    },
    done: async (...args) => void (await succeed(t, layerhook(args))),
  };
}
