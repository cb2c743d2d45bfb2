import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadHooks } from '../../src/config/load.js';
import { load, privateDir, script, write } from './helpers.js';

test('a whole file', async (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'cache', '');
  const loaded = await load(
    dir,
    `mtree = "never"
store = "/var/lib/layerhook"
[driver]
name = "copy"
level = 3

[[hook]]
name = "cache"
point = ["unpack.ociv1.layer.try-skip", "unpack.ociv1.layer.post-extract"]
exec = ["${program}", "-v"]
env = ["A=b=c"]
timeout = 30
`,
  );
  t.like(loaded, {
    file: join(dir, 'hooks.toml'),
    driver: { name: 'copy', options: { level: 3 } },
    mtree: 'never',
    store: '/var/lib/layerhook',
    durability: null,
  });
  t.deepEqual(loaded?.entries, [
    {
      line: 7,
      owner: 'hooks.toml:7 cache',
      key: 'cache',
      points: ['unpack.ociv1.layer.try-skip', 'unpack.ociv1.layer.post-extract'],
      run: { type: 'exec', argv: [program, '-v'], env: { A: 'b=c' } },
      timeout: 30,
      onFailure: 'abort',
    },
  ]);
  t.deepEqual(Object.keys(loaded?.sources[0]?.hooks ?? {}), loaded?.entries[0]?.points);
});

test('an empty file has defaults; driver may be a word', async (t) => {
  const dir = privateDir(t);
  t.deepEqual(await load(dir, ''), {
    file: join(dir, 'hooks.toml'),
    driver: null,
    mtree: null,
    store: null,
    durability: null,
    limits: {},
    entries: [],
    sources: [],
  });
  t.deepEqual((await load(dir, 'driver = "btrfs"'))?.driver, { name: 'btrfs', options: {} });
  const driver = write(dir, 'driver.mjs', '');
  t.deepEqual((await load(dir, 'driver = "./driver.mjs"'))?.driver, { name: driver, options: {} });
});

test('the places where it is looked for, in order', async (t) => {
  const dir = privateDir(t);
  const [flag, variable, xdg, home] = [
    'flag',
    'variable',
    'xdg/layerhook/hooks',
    'home/.config/layerhook/hooks',
  ].map((name) => write(dir, `${name}.toml`, '')) as [string, string, string, string];
  const env = { LAYERHOOK_HOOKS: variable, XDG_CONFIG_HOME: join(dir, 'xdg'), HOME: join(dir, 'home') };
  const found = async (options: Parameters<typeof loadHooks>[0]) => (await loadHooks(options))?.file;
  t.is(await found({ file: flag, env }), flag);
  t.is(await found({ env }), variable);
  t.is(await found({ env: { ...env, LAYERHOOK_HOOKS: '' } }), xdg);
  t.is(await found({ env: { HOME: env.HOME, XDG_CONFIG_HOME: 'relative' } }), home);
  t.is(await loadHooks({ env: { HOME: dir } }), null);
});

test('a named file that is missing, no file, or not UTF-8 is CONFIG_UNREADABLE', async (t) => {
  const dir = privateDir(t);
  const missing = join(dir, 'missing.toml');
  await t.throwsAsync(loadHooks({ file: missing, env: {} }), {
    code: 'CONFIG_UNREADABLE',
    message: /missing\.toml/,
  });
  await t.throwsAsync(loadHooks({ env: { LAYERHOOK_HOOKS: missing } }), { code: 'CONFIG_UNREADABLE' });
  const { writeFileSync } = await import('node:fs');
  const latin1 = write(dir, 'latin1.toml', '');
  writeFileSync(latin1, Buffer.from('# h\xf6me', 'latin1'));
  await t.throwsAsync(loadHooks({ file: latin1, env: {} }), {
    code: 'CONFIG_UNREADABLE',
    message: /not UTF-8/,
  });
  await t.throwsAsync(loadHooks({ file: dir, env: {} }), {
    code: 'CONFIG_UNREADABLE',
    message: /not a regular file/,
  });
});

const bad: [title: string, text: string, line: number, reason: RegExp, hint: RegExp][] = [
  ['syntax', 'mtree = "never"\nstore =\n', 2, /not TOML/, /toml/],
  ['unknown key', '# x\ndrivr = "copy"', 2, /unknown key drivr \(did you mean driver\?\)/, /driver, mtree/],
  [
    'unknown hook key',
    '[[hook]]\npiont = "x"',
    2,
    /unknown key piont \(did you mean point\?\)/,
    /point, exec/,
  ],
  ['mtree', 'mtree = "maybe"', 1, /mtree is "maybe"/, /"always" or "never"/],
  ['store', 'store = "here"', 1, /store is "here"/, /absolute/],
  ['store path', '[store]\npath = "here"', 2, /store is "here"/, /absolute/],
  ['store with NUL', 'store = "/a\\u0000b"', 1, /store is "\/a/, /absolute/],
  ['store key', '[store]\ndir = "/here"', 2, /unknown key dir/, /path, durability/],
  ['durability', '[store]\ndurability = "always"', 2, /durability is "always"/, /boot/],
  ['driver', 'driver = 3', 1, /the driver is 3/, /copy/],
  ['hook as a table', '[hook]\nexec = []', 1, /hook is one table/, /\[\[hook\]\]/],
  ['nothing to run', '[[hook]]\npoint = "x"', 1, /runs nothing/, /exec = /],
  ['both', '[[hook]]\nexec = ["/bin/sh"]\nmodule = "./x"', 1, /both/, /either/],
  ['no point', '[[hook]]\nexec = ["/bin/sh"]', 1, /point is nothing/, /lifecycle point/],
  [
    'unknown point',
    '[[hook]]\nexec = ["/bin/sh"]\npoint = ["unpack.ociv1.layer.try-skp"]',
    3,
    /is not a lifecycle point \(did you mean unpack\.ociv1\.layer\.try-skip\?\)/,
    /hooks list/,
  ],
  [
    'short point',
    '[[hook]]\nexec = ["/bin/sh"]\npoint = "delta-list"',
    3,
    /did you mean repack\S+delta-list\?/,
    /./,
  ],
  [
    'relative exec',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["sh"]',
    3,
    /"sh" is not an absolute path/,
    /PATH/,
  ],
  [
    'missing exec',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/no/such"]',
    3,
    /\/no\/such does not exist/,
    /./,
  ],
  [
    'exec directory',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/usr"]',
    3,
    /\/usr is not a regular file/,
    /./,
  ],
  [
    'not executable',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/etc/passwd"]',
    3,
    /\/etc\/passwd is not executable/,
    /chmod \+x/,
  ],
  ['exec text', '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = "/bin/sh -c x"', 3, /exec is "/, /\["/],
  [
    'timeout',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\ntimeout = "9s"',
    4,
    /timeout is "9s"/,
    /sec/,
  ],
  [
    'negative',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\ntimeout = -1',
    4,
    /timeout is -1/,
    /./,
  ],
  [
    'env',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\nenv = ["A"]',
    4,
    /env has "A"/,
    /NAME=value/,
  ],
  [
    'our env',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\nenv = ["LAYERHOOK_POINT=x"]',
    4,
    /env sets LAYERHOOK_POINT/,
    /./,
  ],
  [
    'policy',
    '[[hook]]\npoint = "unpack.ociv1.layer.try-skip"\nexec = ["/bin/sh"]\non-failure = "continue"',
    4,
    /"continue" cannot be at unpack\.ociv1\.layer\.try-skip/,
    /there it is "abort"/,
  ],
  [
    'policy word',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\non-failure = "ignore"',
    4,
    /on-failure is "ignore"/,
    /"abort"/,
  ],
  [
    'options',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\noptions = {a = 1}',
    4,
    /has options/,
    /./,
  ],
  [
    'second hook',
    '[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["/bin/sh"]\n\n[[hook]]\nname = ""',
    5,
    /./,
    /./,
  ],
];

for (const [title, text, line, reason, hint] of bad) {
  test(`CONFIG_INVALID with line: ${title}`, async (t) => {
    const dir = privateDir(t);
    const error = await t.throwsAsync(load(dir, text), { code: 'CONFIG_INVALID', message: reason });
    t.true(error?.message.startsWith(`${join(dir, 'hooks.toml')}:${line}: `), error?.message);
    t.regex((error as unknown as { hint: string }).hint, hint);
  });
}

test('files that others may write are refused: the file, its directory, programs, modules', async (t) => {
  const dir = privateDir(t);
  const refuse = (text: string, message: RegExp) =>
    t.throwsAsync(load(dir, text), { code: 'CONFIG_INVALID', message });
  const hooks = write(dir, 'loose.toml', '', 0o666);
  await t.throwsAsync(loadHooks({ file: hooks, env: {} }), {
    code: 'CONFIG_INVALID',
    message: /loose\.toml:1: others may write .*loose\.toml/,
  });
  const open = join(dir, 'open');
  const inOpen = write(open, 'hooks.toml', '');
  chmodSync(open, 0o775);
  await t.throwsAsync(loadHooks({ file: inOpen, env: {} }), { message: /others may write .*open$/ });
  const program = script(dir, 'program', '');
  const hook = `[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["${program}"]`;
  await t.notThrowsAsync(load(dir, hook));
  chmodSync(program, 0o777);
  await refuse(hook, /:3: others may write .*program/);
  write(dir, 'm.mjs', "export default {'bundle.ociv1.remove': () => {}}", 0o646);
  await refuse('[[hook]]\nmodule = "./m.mjs"', /:2: others may write .*m\.mjs/);
  script(open, 'program', '');
  symlinkSync(join(open, 'program'), join(dir, 'link'));
  await refuse(`[[hook]]\npoint = "bundle.ociv1.remove"\nexec = ["${dir}/link"]`, /others may write .*open$/);
});

test('files of another user are refused, in sticky directories too', async (t) => {
  if (process.getuid?.() !== 0) return t.pass();
  const { chownSync } = await import('node:fs');
  const dir = privateDir(t);
  const sticky = join(dir, 'sticky');
  mkdirSync(sticky);
  chmodSync(sticky, 0o1777);
  const file = write(sticky, 'hooks.toml', '');
  await t.notThrowsAsync(loadHooks({ file, env: {} }));
  chownSync(file, 1234, 1234);
  await t.throwsAsync(loadHooks({ file, env: {} }), {
    code: 'CONFIG_INVALID',
    message: /belongs to another user \(uid 1234\)/,
  });
});

test('the store may be a table', async (t) => {
  const dir = privateDir(t);
  const loaded = await load(dir, '[store]\npath = "/srv/layers"\ndurability = "sync"');
  t.like(loaded, { store: '/srv/layers', durability: 'sync' });
  t.like(await load(dir, '[store]\ndurability = "none"'), { store: null, durability: 'none' });
});
