/** Configurations as editors, other tools and mistakes leave them: kept byte for byte, or refused with the reason. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { planConfigure, planUnconfigure } from '../../src/ctk/configure.js';
import { engines } from '../../src/ctk/engines.js';
import { applyChanges } from '../../src/ctk/files.js';
import type { EngineName } from '../../src/ctk/types.js';
import fc from '../helpers/properties.js';
import { tmpdir } from '../helpers/tmp.js';

const name = 'layerhook';
const path = '/usr/local/bin/layerhook-runtime';
const common = { name, path, runtimePath: '/bin/true', isDefault: true } as const;
const bom = '\ufeff';
const read = (file: string) => readFileSync(file, 'utf8');
const crlf = (text: string) => text.replaceAll('\n', '\r\n');

function fileWith(t: ExecutionContext, content: string | Buffer): string {
  const file = join(tmpdir(t), 'config');
  writeFileSync(file, content);
  return file;
}

function configure(engine: EngineName, file: string, dropIn = false): void {
  applyChanges(planConfigure({ ...common, engine, file, dropIn }).changes);
}

const cri = '[plugins."io.containerd.grpc.v1.cri".containerd]';
const kept: [EngineName, title: string, text: string][] = [
  ['docker', 'runtimes null', '{"runtimes": null, "debug": true}'],
  ['docker', 'all null', '{\n  "runtimes": null,\n  "default-runtime": null\n}\n'],
  ['docker', 'a runtime that is null', '{"runtimes": {"x": null}}'],
  ['docker', 'a byte-order mark', `${bom}{"debug": true}`],
  ['docker', 'CRLF', crlf('{\n  "debug": true,\n  "runtimes": {}\n}\n')],
  ['docker', 'empty', ''],
  ['docker', 'white space', ' \n\n'],
  ['docker', 'duplicates elsewhere', '{"log-opts": {"a": "1", "a": "2"}, "x": 1e400, "y": 0.10}'],
  ['containerd', 'a byte-order mark', `${bom}version = 2\n`],
  ['containerd', 'CRLF', crlf(`version = 2\n\n# cri\n${cri}\n  default_runtime_name = "runc"\n`)],
  ['containerd', 'only comments', '# nothing\n  # here'],
  ['containerd', 'empty', ''],
  ['crio', 'a byte-order mark', `${bom}[crio.runtime]\n`],
  ['crio', 'CRLF', crlf('[crio]\n[crio.runtime] # x\n')],
  ['crio', 'only comments', '# [crio.runtime]\n# default_runtime = "crun"\n'],
];

for (const [engine, title, text] of kept)
  for (const changed of [false, true]) {
    test(`${engine}, ${title}: restored${changed ? ' after another change' : ' byte for byte'}`, (t) => {
      const file = fileWith(t, text);
      configure(engine, file);
      const { mode, found } = {
        mode: read(file).startsWith(bom),
        found: engines[engine].read(read(file).replace(bom, '')),
      };
      t.deepEqual([mode, found.defaultRuntime], [text.startsWith(bom), name]);
      t.deepEqual(planConfigure({ ...common, engine, file, dropIn: false }).changes, []);
      if (changed) writeFileSync(file, `${read(file)}\n`);
      applyChanges(planUnconfigure({ engine, file, name }));
      const { values } = engines[engine];
      const plain = (content: string) => values(content.replace(bom, ''));
      const before = engine === 'containerd' && text.replace(bom, '').trim() === '' ? 'version = 2\n' : text;
      if (changed) t.deepEqual(withoutEmpty(plain(read(file))), withoutEmpty(plain(before)), read(file));
      else t.is(read(file), text);
      for (const comment of text.match(/#.*/g) ?? []) t.true(read(file).includes(comment));
      t.is(read(file).startsWith(bom), text.startsWith(bom));
      t.deepEqual(readdirSync(dirname(file)), ['config']);
    });
  }

/** Empty tables and nulls mean the same as missing ones. */
function withoutEmpty(values: unknown): unknown {
  return JSON.parse(JSON.stringify(values), (_, value) =>
    value === null || (typeof value === 'object' && Object.keys(value).length === 0) ? undefined : value,
  );
}

const refused: [EngineName, title: string, content: string | Buffer, reason: RegExp][] = [
  ['docker', 'comments', '{\n  // mine\n  "debug": true\n}', /it is not JSON: .*\(line 2\)/],
  ['docker', 'a trailing comma', '{"debug": true,}', /it is not JSON/],
  [
    'docker',
    'runtimes twice',
    '{"runtimes": {"a": {"path": "/a"}}, "runtimes": {}}',
    /its key runtimes appears twice/,
  ],
  ['docker', 'a runtime twice', '{"runtimes": {"a": {}, "a": {}}}', /its key a appears twice/],
  ['docker', 'a list', '[]', /it is not a JSON object/],
  ['docker', 'runtimes as a list', '{"runtimes": []}', /its runtimes is not an object/],
  ['docker', 'UTF-16', Buffer.from(`${bom}{}`, 'utf16le'), /it is not UTF-8/],
  ['containerd', 'a key twice', 'version = 2\nversion = 3\n', /line 2 is not TOML/],
  ['containerd', 'a table twice', `version = 2\n${cri}\n${cri}\n`, /line 3 is not TOML/],
  ['containerd', 'a version as text', 'version = "2"\n', /its version is 2/],
  ['crio', 'a key twice', '[crio]\na = 1\na = 2\n', /line 3 is not TOML/],
  ['crio', 'Latin 1', Buffer.from('# \xe9\n', 'latin1'), /it is not UTF-8/],
];

for (const [engine, title, content, reason] of refused) {
  test(`${engine}, ${title}: refused with the reason, and unchanged`, (t) => {
    const file = fileWith(t, content);
    t.throws(() => configure(engine, file), { message: reason });
    t.throws(() => applyChanges(planUnconfigure({ engine, file, name })), { message: reason });
    t.deepEqual(readFileSync(file), Buffer.from(content));
    t.deepEqual(readdirSync(dirname(file)), ['config']);
  });
}

for (const engine of ['docker', 'containerd', 'crio'] as const) {
  test(`${engine}: only a regular file, or a symlink to one, is read and written`, (t) => {
    const dir = tmpdir(t);
    const at = (file: string) => join(dir, file);
    execFileSync('mkfifo', [at('fifo')]);
    mkdirSync(at('directory'));
    symlinkSync('missing', at('dangling'));
    for (const [file, reason] of [
      ['fifo', /it is not a regular file/],
      ['directory', /it is not a regular file/],
      ['dangling', /it is a symlink to a missing file/],
    ] as const)
      t.throws(() => configure(engine, at(file)), { message: reason });
    t.deepEqual(readdirSync(dir).sort(), ['dangling', 'directory', 'fifo']);
    symlinkSync('real', at('link'));
    writeFileSync(at('real'), bom);
    configure(engine, at('link'));
    t.true(read(at('real')).includes(name));
    applyChanges(planUnconfigure({ engine, file: at('link'), name }));
    t.deepEqual([read(at('real')), readdirSync(dir).length], [bom, 5]);
  });
}

/** Lines and spaces of a document, in any order and with any newline. */
const white = fc.constantFrom('', ' ', '\n', '\n\n', '\r\n', '\t');
const word = fc.constantFrom('debug', 'dns', 'a.b', 'ü', 'x y', 'runtimeArgs');
const scalar = fc.constantFrom(
  '1e400',
  '12345678901234567890',
  '0.10',
  '"\\u00e9"',
  '"#"',
  'true',
  '[ 1 ,2]',
  '{ }',
);

const json = fc
  .tuple(
    fc.uniqueArray(fc.tuple(word, scalar, white), { selector: ([key]) => key }),
    fc.constantFrom(
      '',
      '"runtimes": null',
      '"runtimes" : { "crun" :{"path": "/bin/true"} }',
      '"runtimes":{}',
    ),
    fc.constantFrom('', '"default-runtime": "crun"', '"default-runtime": null'),
    fc.constantFrom('', bom),
    white,
  )
  .map(([members, runtimes, defaultRuntime, mark, space]) => {
    const all = [
      ...members.map(([key, value, at]) => `${at}${JSON.stringify(key)}${at}:${value}`),
      runtimes,
      defaultRuntime,
    ];
    return `${mark}${space}{${all.filter((each) => each !== '').join(`${space},`)}${space}}${space}`;
  });

const tomlLine = fc.constantFrom(
  'a = 1',
  "b.c = 'x' # mine",
  'd = [\n  1, # one\n  2,\n]',
  '# comment',
  '',
  '"e f" = 1979-05-27',
);
const runtimeTables: Readonly<Record<'containerd' | 'crio', string[]>> = {
  containerd: [
    '',
    `${cri} # here\n  default_runtime_name = "crun" # ours\n`,
    `${cri}\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun] # c\nruntime_type = "io.containerd.runc.v2"\n`,
  ],
  crio: [
    '',
    '[crio.runtime] # here\ndefault_runtime = "crun" # ours\n',
    '[crio.runtime.runtimes.crun]\nruntime_path = "/bin/true"\n# end\n',
  ],
};

const toml = (engine: 'containerd' | 'crio') =>
  fc
    .tuple(
      fc.uniqueArray(tomlLine),
      fc.uniqueArray(tomlLine),
      fc.constantFrom(...runtimeTables[engine]),
      fc.constantFrom('', bom),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([top, inner, tables, mark, isWindows, isCut]) => {
      const version = engine === 'containerd' ? 'version = 2\n' : '';
      const text = `${version}${top.join('\n')}\n[other] # t\n${inner.join('\n')}\n${tables}`;
      return mark + (isWindows ? crlf(text) : isCut ? text.trimEnd() : text);
    });

for (const [engine, documents] of [
  ['docker', json],
  ['containerd', toml('containerd')],
  ['crio', toml('crio')],
] as const) {
  test(`${engine}: other text stays byte for byte, in any document`, (t) => {
    const file = fileWith(t, '');
    fc.assert(
      fc.property(documents, fc.boolean(), (text, isDefault) => {
        writeFileSync(file, text);
        const asked = { ...common, engine, file, isDefault, dropIn: false };
        applyChanges(planConfigure(asked).changes);
        const after = read(file);
        if (!containsInOrder(after, text)) throw new Error(`lost a part:\n${text}\n---\n${after}`);
        if (planConfigure(asked).changes.length > 0) throw new Error(`changed twice:\n${text}`);
        applyChanges(planUnconfigure(asked));
        if (read(file) !== text) throw new Error(`not restored:\n${text}\n---\n${read(file)}`);
      }),
      { numRuns: 300 },
    );
    t.deepEqual(readdirSync(dirname(file)), ['config']);
  });
}

/** True if the text has all chars of the former text in their order, apart from the values that ctk replaces. */
function containsInOrder(text: string, former: string): boolean {
  const kept = former
    .replace(/("default-runtime": |default_runtime(_name)? = )("crun"|null)/, '$1')
    .replace('"runtimes": null', '"runtimes": ');
  let at = 0;
  for (const char of text) if (char === kept[at]) at++;
  return at === kept.length;
}
