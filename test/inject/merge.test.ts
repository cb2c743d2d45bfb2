import test from 'ava';
import { isLayerhookError } from '../../src/errors/index.js';
import { addHooks, hooksAnnotation } from '../../src/inject/merge.js';
import { type HookKind, hookKinds, noHooks } from '../../src/inject/types.js';
import fc from '../helpers/properties.js';

type Spec = { hooks?: Record<string, { path: string }[]>; annotations?: Record<string, string> } & Record<
  string,
  unknown
>;

function lists(given: Partial<Record<HookKind, string[]>>) {
  const all = noHooks();
  for (const kind of hookKinds) {
    all[kind] = (given[kind] ?? []).map((path) => JSON.stringify({ path }));
  }
  return all;
}

const add = (
  text: string,
  given: Partial<Record<HookKind, string[]>>,
  order: 'before' | 'after' = 'before',
) => addHooks(text, lists(given), { file: 'config.json', order });

const paths = (text: string | undefined, kind: HookKind) =>
  (JSON.parse(text!) as Spec).hooks?.[kind]?.map(({ path }) => path);

const everyKind = Object.fromEntries(hookKinds.map((kind) => [kind, [`/${kind}`]]));

for (const [title, text] of [
  ['no hooks', '{"ociVersion": "1.0.2"}'],
  ['an empty document', ' {\n} \n'],
  ['hooks that are null', '{"hooks": null, "annotations": null}'],
  ['hooks without lists', '{"hooks": { }, "annotations": {\t} }'],
  ['lists that are null or empty', '{"hooks": {"prestart": null, "poststop": [ ], "poststart":[]}}'],
] as const) {
  test(`all six kinds are added to ${title}`, (t) => {
    const changed = JSON.parse(add(text, everyKind)!) as Spec;
    t.deepEqual(changed.hooks, Object.fromEntries(hookKinds.map((kind) => [kind, [{ path: `/${kind}` }]])));
    t.is(changed.annotations![hooksAnnotation], hookKinds.map((kind) => `${kind}=1`).join(' '));
  });
}

test('given hooks come before or after existing hooks', (t) => {
  const text = '{"hooks":{"prestart":[ {"path":"/old1"} , {"path":"/old2"} ]}}';
  const given = { prestart: ['/new1', '/new2'] };
  t.deepEqual(paths(add(text, given, 'before'), 'prestart'), ['/new1', '/new2', '/old1', '/old2']);
  t.deepEqual(paths(add(text, given, 'after'), 'prestart'), ['/old1', '/old2', '/new1', '/new2']);
});

test('all text outside of hooks stays byte for byte', (t) => {
  const head =
    '{ "ociVersion":"1.0.2",\n  "big": 12345678901234567890123, "float": 1.0e400, "é\xff": "\\u00e9\\/",';
  const tail = '"linux": {"resources": {"memory": {"limit": 9223372036854775807}}},\n"x": [ 1,2 ] }\n';
  const changed = add(
    `${head}"hooks": {"extra": "things", "poststop": [{"path": "/a", "timeout": 1.0}]},${tail}`,
    {
      poststop: ['/b'],
    },
  )!;
  t.true(
    changed.startsWith(
      `${head}"hooks": {"extra": "things", "poststop": [{"path":"/b"},{"path": "/a", "timeout": 1.0}]},`,
    ),
  );
  t.true(changed.includes(tail.slice(0, -3)));
});

test('hooks are added once', (t) => {
  const once = add('{}', everyKind)!;
  t.is(add(once, everyKind), undefined);
  t.is(add(once, everyKind, 'after'), undefined);
});

test('white space and order do not distinguish two hooks', (t) => {
  const text = '{"hooks":{"poststop":[{ "args" : ["a"], "path":"/a" }]}}';
  const given = { ...noHooks(), poststop: ['{"path":"/a","args":["a"]}'] };
  t.is(addHooks(text, given, { file: 'f', order: 'before' }), undefined);
  const other = { ...noHooks(), poststop: ['{"path":"/a","args":["b"]}'] };
  t.not(addHooks(text, other, { file: 'f', order: 'before' }), undefined);
});

test('a hook that an engine moved from prestart to createRuntime is not added again', (t) => {
  t.is(add('{"hooks":{"createRuntime":[{"path":"/a"}]}}', { prestart: ['/a'] }), undefined);
  t.deepEqual(paths(add('{}', { prestart: ['/a'], createRuntime: ['/a'] }), 'createRuntime'), ['/a']);
});

test('a prestart hook named container-hooks says that hooks were added', (t) => {
  t.is(add('{"hooks":{"prestart":[{"path":"/usr/bin/container-hooks"}]}}', everyKind), undefined);
  t.not(add('{"hooks":{"poststop":[{"path":"/usr/bin/container-hooks"}]}}', everyKind), undefined);
});

test('an annotation alone does not keep hooks away: a container may have been given it by its user', (t) => {
  const first = JSON.parse(add('{}', everyKind)!) as Spec;
  delete first.hooks;
  t.deepEqual(paths(add(JSON.stringify(first), everyKind), 'poststop'), ['/poststop']);
});

test('the annotation is replaced, not doubled', (t) => {
  const once = add('{"annotations":{"a":"b"}}', { prestart: ['/a'] })!;
  const twice = add(once, { prestart: ['/b'] })!;
  t.is(twice.split(hooksAnnotation).length, 2);
  t.is((JSON.parse(twice) as Spec).annotations!.a, 'b');
});

for (const [text, reason] of [
  ['', /it is empty/],
  ['{"a": }', /it is not JSON/],
  ['[]', /not a JSON object/],
  ['{"hooks": []}', /its hooks is not an object/],
  ['{"hooks": {"poststop": {}}}', /hooks\.poststop is not a list/],
  ['{"hooks": {}, "hooks": {}}', /it has hooks twice/],
  ['{"annotations": "x"}', /its annotations is not an object/],
] as const) {
  test(`refused: ${text || 'an empty file'}`, (t) => {
    const error = t.throws(() => add(text, everyKind));
    t.true(isLayerhookError(error, 'RUNTIME_SPEC'));
    t.regex(error.message, reason);
  });
}

test('property: any document gets its hooks, and has all that it had', (t) => {
  const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown);
  const hookList = fc.array(fc.record({ path: fc.webPath().map((path) => `/old${path}`) }), { maxLength: 3 });
  const spec = fc.record(
    {
      a: json,
      hooks: fc.oneof(fc.constant(null), fc.dictionary(fc.constantFrom(...hookKinds, 'other'), hookList)),
      z: json,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      spec,
      fc.constantFrom(0, 2),
      fc.constantFrom('before', 'after'),
      (document, indent, order) => {
        const text = JSON.stringify(document, null, indent);
        const changed = JSON.parse(add(text, everyKind, order as 'before')!) as Spec;
        const old = (document.hooks ?? {}) as Record<string, { path: string }[]>;
        for (const kind of hookKinds) {
          const mine = [{ path: `/${kind}` }];
          const theirs = old[kind] ?? [];
          t.deepEqual(changed.hooks![kind], order === 'before' ? [...mine, ...theirs] : [...theirs, ...mine]);
          delete changed.hooks![kind];
        }
        t.deepEqual(changed.hooks, old.other ? { other: old.other } : {});
        t.is(JSON.stringify([changed.a, changed.z]), JSON.stringify([document.a, document.z]));
      },
    ),
    { numRuns: 200 },
  );
});
