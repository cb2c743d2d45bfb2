import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { checkConditions, matches } from '../../src/inject/conditions.js';
import { readContainer } from '../../src/inject/container.js';
import { goRegExp } from '../../src/inject/go-regexp.js';
import { readHooks } from '../../src/inject/hook-files.js';
import { hookKinds, noHooks } from '../../src/inject/types.js';
import { tmpdir } from '../helpers/tmp.js';

const spec = {
  annotations: { 'com.example.department': 'fluid-dynamics', 'org.layerhook.runtime.hooks': 'poststop=1' },
  process: { args: ['/sbin/init', '--x'] },
  mounts: [
    { destination: '/proc', type: 'proc' },
    { destination: '/etc/resolv.conf', type: 'bind', options: ['rbind'] },
    { destination: '/data', type: 'bind', options: ['rbind', 'rw'] },
  ],
};
const noBinds = { ...spec, mounts: spec.mounts.slice(0, 2) };

test('a file has its hooks inside of hooks or alone, and they stay as they are written', (t) => {
  const lists = Object.fromEntries(hookKinds.map((kind) => [kind, [{ path: `/${kind}` }]]));
  const expected = Object.fromEntries(hookKinds.map((kind) => [kind, [`{"path":"/${kind}"}`]]));
  for (const document of [lists, { hooks: lists, version: 1 }]) {
    t.deepEqual<unknown, unknown>(read(t, JSON.stringify(document)), expected);
  }
  const raw = '{ "path" : "/a", "timeout": 9007199254740993, "new": {"x": [1]} }';
  t.deepEqual(read(t, `{"poststop": [ ${raw} ]}`).poststop, [raw]);
});

for (const text of ['{}', '{"hooks": null}', '{"hooks": {"prestart": null}}', '{"ociVersion": "1.0.2"}']) {
  test(`a file without hooks: ${text}`, (t) => {
    t.deepEqual(read(t, text), noHooks());
  });
}

for (const [text, reason] of [
  ['', /it is empty/],
  ['{"prestart": [', /it is not JSON/],
  ['[]', /not a JSON object/],
  ['{"hooks": []}', /its hooks is not an object/],
  ['{"prestart": {}}', /prestart is not a list/],
  ['{"prestart": ["/a"]}', /prestart\[0\] is not an object/],
  ['{"prestart": [{"path": "/a"}, {"args": []}]}', /prestart\[1\] lacks a path/],
  ['{"prestart": [{"path": "/a", "args": "x"}]}', /has invalid args: expected a list of strings/],
  ['{"prestart": [{"path": "/a", "env": [1]}]}', /has an invalid env: expected a list of strings/],
  ['{"prestart": [{"path": "/a", "timeout": 0}]}', /has an invalid timeout: expected/],
  ['{"hooks": {"prestrat": [{"path": "/a"}]}}', /unknown member prestrat \(did you mean prestart\?\)/],
  ['{"hooks": {"comment": []}}', /unknown member comment/],
  ['{"hook": {"prestart": [{"path": "/a"}]}}', /unknown member hook \(did you mean hooks\?\)/],
  ['{"hooks": {}, "prestrat": []}', /unknown member prestrat \(did you mean prestart\?\)/],
  [
    '{"prestart": [{"path": "/a", "arg": ["a"]}]}',
    /prestart\[0\] has an unknown member arg \(did you mean args\?\)/,
  ],
] as const) {
  test(`a broken file of hooks: ${text || '(empty)'}`, (t) => {
    const error = t.throws(() => read(t, text));
    t.true(isLayerhookError(error, 'RUNTIME_HOOKS'));
    t.regex(error.message, reason);
  });
}

test('a missing file is an error', (t) => {
  t.throws(() => readHooks(['/nonexistent/hooks.json'], spec, () => {}), { message: /it does not exist/ });
});

test('a file that cannot be read is an error with the words of the system', (t) => {
  const message = /: not a directory \(ENOTDIR\)/;
  t.throws(() => readHooks(['/dev/null/hooks.json'], spec, () => {}), { message });
});

const hook = { path: '/bin/true' };

test('files of a directory come in the order of their names in lower case, a later directory hides names', (t) => {
  const [a, b] = ['a', 'b'].map((name) => join(tmpdir(t), name)) as [string, string];
  write(a, '02-B.json', { hook: { path: '/bin/cat' } });
  write(a, '01-z.json', { hook: { path: '/bin/ls' } });
  write(a, '02-a.json', { hook: { path: '/bin/sh' } });
  write(a, 'README', 'not a hook' as never);
  write(b, '01-z.json', { hook: { path: '/bin/true' } });
  const found = readHooks([a, b], spec, () => {}).poststop.map((text) => JSON.parse(text) as typeof hook);
  t.deepEqual(
    found.map(({ path }) => path),
    ['/bin/true', '/bin/sh', '/bin/cat'],
  );
});

for (const [part, reason] of [
  [{ version: '0.1.0' }, /version is "0\.1\.0"/],
  [{ version: undefined }, /version is missing/],
  [{ hook: {} }, /its hook lacks a path/],
  [{ hook: { path: '/nonexistent/hook' } }, /\/nonexistent\/hook does not exist/],
  [{ stages: undefined }, /it lacks stages/],
  [{ stages: ['poststopp'] }, /"poststopp" is unknown/],
  [{ when: undefined }, /it lacks when/],
  [{ when: { command: ['x'] } }, /unknown condition "command"/],
  [{ when: { commands: ['('] } }, /malformed regular expression/],
  [{ when: { always: 'yes' } }, /is not a boolean/],
] as const) {
  test(`a broken hook of a directory: ${Object.keys(part)} ${JSON.stringify(part)}`, (t) => {
    const directory = join(tmpdir(t), 'hooks.d');
    write(directory, 'x.json', part as object);
    const error = t.throws(() => readHooks([directory], spec, () => {}));
    t.true(isLayerhookError(error, 'RUNTIME_HOOKS'));
    t.regex(error.message, reason);
  });
}

// as podman's pkg/hooks decides; `or` has any of them be enough
const cases: [when: object, withBinds: boolean, without: boolean][] = [
  [{}, false, false],
  [{ always: true }, true, true],
  [{ always: false }, false, false],
  [{ hasBindMounts: true }, true, false],
  [{ hasBindMounts: false }, false, false],
  [{ commands: ['.*/init$', 'systemd'] }, true, true],
  [{ commands: ['^init$'] }, false, false],
  [{ annotations: { '^com\\.example\\.department$': '.*fluid-dynamics$' } }, true, true],
  [{ annotations: { '^com\\.example\\.department$': '^fluid$' } }, false, false],
  [{ annotations: { department: 'fluid', other: '.*' } }, false, false],
  [{ annotations: { '.*': '^poststop' } }, false, false],
  [{ always: true, hasBindMounts: true }, true, false],
  [{ always: true, commands: ['nothing'] }, false, false],
  [{ commands: ['init'], hasBindMounts: true }, true, false],
  [{ commands: ['nothing'], hasBindMounts: true, or: true }, true, false],
  [{ always: false, commands: ['init'], or: true }, true, true],
  [{ annotations: { other: '.*', department: 'fluid' }, or: true }, true, true],
];
for (const [when, withBinds, without] of cases) {
  test(`when ${JSON.stringify(when)}`, (t) => {
    const conditions = checkConditions(when, (reason) => {
      throw new Error(reason);
    });
    t.is(matches(conditions, readContainer(spec)), withBinds);
    t.is(matches(conditions, readContainer(noBinds)), without);
  });
}

for (const [expression, yes, no] of [
  ['(?i)^abc$', 'ABC', 'abcd'],
  ['^[[:alpha:]_]+$', 'a_b', 'a1'],
  ['\\Aa\\z', 'a', 'a\n'],
  ['^\\Qa.b+\\E$', 'a.b+', 'axb+'],
  ['^(?P<name>x)$', 'x', 'y'],
  ['^a\\_b\\/c\\-d$', 'a_b/c-d', 'ab/c-d'],
  ['^\\pL+$', 'é', '1'],
] as const) {
  test(`an expression as Go has it: ${expression}`, (t) => {
    t.true(goRegExp(expression).test(yes));
    t.false(goRegExp(expression).test(no));
  });
}

function read(t: ExecutionContext, text: string) {
  const file = join(tmpdir(t), 'hooks.json');
  writeFileSync(file, text);
  return readHooks([file], spec, () => {});
}

function write(directory: string, name: string, part: object): void {
  mkdirSync(directory, { recursive: true });
  const document = { version: '1.0.0', hook, when: { always: true }, stages: ['poststop'], ...part };
  writeFileSync(join(directory, name), typeof part === 'string' ? part : JSON.stringify(document));
}
