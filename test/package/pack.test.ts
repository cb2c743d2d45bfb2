import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

const root = dirname(fileURLToPath(import.meta.resolve('layerhook/package.json')));

test('npm pack of layerhook takes mtree-ts along', (t) => {
  if (!requires(t, 'npm', 'tar')) return;
  const directory = tmpdir(t);
  const installed = join(directory, 'node_modules/layerhook');
  unpack(pack(root, directory), installed);
  for (const name of dependencies())
    link(join(root, 'node_modules', name), join(directory, 'node_modules', name));

  const resolved = run(
    directory,
    `
    import * as layerhook from 'layerhook';
    import { createRequire } from 'node:module';
    if (Object.keys(layerhook).length === 0) throw new Error('nothing exported');
    console.log(createRequire(import.meta.resolve('layerhook')).resolve('mtree-ts'));
  `,
  );
  t.is(resolved.trim(), join(realpathSync(installed), 'node_modules/mtree-ts/dist/index.js'));
  t.false(lstatSync(join(installed, 'node_modules/mtree-ts')).isSymbolicLink());
});

test('the package has the licence notices of all that is bundled', (t) => {
  const notices = readFileSync(join(root, 'dist/bundle/THIRD-PARTY-NOTICES.txt'), 'utf8');
  const named = [...notices.matchAll(/^(\S+) \d+\.\d+\.\d+\S* \([\w.-]+\)$/gm)].map(([, name]) => name!);
  const maps = readdirSync(join(root, 'dist/bundle'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.map'),
  );
  const bundled = maps.flatMap((file) => {
    const { sources } = JSON.parse(readFileSync(join(root, 'dist/bundle', file), 'utf8')) as {
      sources: string[];
    };
    return sources.flatMap(
      (source) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(source)?.[1] ?? [],
    );
  });
  t.deepEqual(
    bundled.filter((name) => !named.includes(name)),
    [],
  );
  t.true(named.includes('ordered-binary') && named.includes('lmdb') && named.includes('@iarna/toml'));
  t.regex(notices, /Permission is hereby granted/);
});

test('npm pack of mtree-ts gives a package that works alone', (t) => {
  if (!requires(t, 'npm', 'tar')) return;
  const directory = tmpdir(t);
  const installed = join(directory, 'node_modules/mtree-ts');
  unpack(pack(join(root, 'src/mtree'), directory), installed);
  const output = run(
    directory,
    `
    import { parse } from 'mtree-ts';
    console.log(parse('a size=3').get('a').get('size'));
  `,
  );
  t.is(output, '3\n');
  t.deepEqual(readdirSync(installed).sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
});

/** Packs what is built; building again would change files under the other tests. */
function pack(directory: string, destination: string): string {
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', destination];
  const name = execFileSync('npm', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' })
    .trim()
    .split('\n')
    .at(-1)!;
  return join(destination, name);
}

function unpack(tarball: string, destination: string): void {
  mkdirSync(destination, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', destination, '--strip-components=1']);
}

/** What the registry would provide: everything at the top of our node_modules but the workspace. */
function dependencies(): string[] {
  const names = readdirSync(join(root, 'node_modules')).filter(
    (name) => !name.startsWith('.') && name !== 'mtree-ts',
  );
  return names.flatMap((name) =>
    name.startsWith('@')
      ? readdirSync(join(root, 'node_modules', name)).map((part) => `${name}/${part}`)
      : [name],
  );
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function run(directory: string, script: string): string {
  writeFileSync(join(directory, 'script.mjs'), script);
  return execFileSync(process.execPath, ['script.mjs'], { cwd: directory, encoding: 'utf8' });
}
