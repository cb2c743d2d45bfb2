/**
 * Bundles what the command line, its threads and the runtime load into dist/bundle, so that a command opens a few files
 * and not hundreds. They are CommonJS: as modules, whose imports of node's own modules all come first, a warm unpack
 * takes 1.7 times as long. The library's exports stay what tsc made.
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';

const outdir = 'dist/bundle';
const { exports, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
// ordered-binary, a dependency of lmdb, stays outside: it evaluates code that knows its variables' names
const bundled = ['@iarna/toml', 'koffi', 'lmdb', 'mtree-ts', 'tar-stream'];
const threads = filesIn('src').filter((file) => file.endsWith('/worker.ts') || file.endsWith('-worker.ts'));

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: {
    program: 'src/cli/main.ts',
    commands: 'commands',
    runtime: 'hooks/runtime.ts',
    // named as in src, so that src/places.ts finds them
    ...Object.fromEntries(threads.map((file) => [file.slice('src/'.length, -'.ts'.length), file])),
  },
  outdir,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  alias: {
    ...ownSources(),
    koffi: './src/system/addons/koffi.ts',
    'node-gyp-build-optional-packages': './src/system/addons/lmdb.ts',
    // without its native part: the store has no values that msgpackr encodes
    msgpackr: 'msgpackr/pack',
  },
  external: ['./commands.cjs', ...Object.keys(dependencies).filter((name) => !bundled.includes(name))],
  define: { 'import.meta.url': 'bundleURL' },
  banner: { js: "const bundleURL = require('node:url').pathToFileURL(__filename).href;" },
  plugins: [commandsApart(), driversWithin()],
  // a warm unpack takes 5 % less time than with spaces and long names; --debug shows stacks as in src
  minify: true,
  lineLimit: 120,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
copyFileSync('src/cli/bundle-main.cjs', `${outdir}/main.cjs`);
chmodSync(`${outdir}/main.cjs`, 0o755);

/** The package's own name means its sources: a shipped driver gets the classes that the engine has. */
function ownSources() {
  const sources = Object.entries(exports).filter(([, entry]) => entry.default);
  return Object.fromEntries(
    sources.map(([name, { default: file }]) => [
      name.replace('.', 'layerhook'),
      file.replace('./dist/', './').replace(/js$/, 'ts'),
    ]),
  );
}

/** Puts the commands in a file of their own: without them `--version` takes 27 ms, with them 33. */
function commandsApart() {
  const files = filesIn('src/cli').filter((file) => /\/commands\/(?!index\.).*\.ts$/.test(file));
  const rows = files.map((file) => `'${basename(file, '.ts')}': () => require('./${file}')`);
  return generated('commands', ({ onResolve, onLoad }) => {
    onResolve({ filter: /^commands$/ }, () => ({ path: 'all', namespace: 'commands' }));
    onResolve({ filter: /^\./ }, ({ path, kind, importer }) =>
      kind === 'dynamic-import' && importer.endsWith('/commands/index.ts')
        ? { path: basename(path, '.js'), namespace: 'commands' }
        : undefined,
    );
    onLoad({ filter: /^all$/, namespace: 'commands' }, () => ({
      contents: `module.exports = { ${rows.join(',\n')} };`,
      resolveDir: '.',
    }));
    onLoad({ filter: /./, namespace: 'commands' }, ({ path }) => ({
      contents: `export default require('./commands.cjs')['${path}']().default;`,
    }));
  });
}

/** Puts the shipped drivers in the bundle, in place of a search for their files. */
function driversWithin() {
  const rows = readdirSync('drivers').map((name) => `'${name}': () => import('./drivers/${name}/index.ts')`);
  return generated('drivers', ({ onLoad }) =>
    onLoad({ filter: /\/shipped-drivers\.ts$/ }, () => ({
      contents: `const drivers = { ${rows.join(', ')} };
        export const shippedDriver = (name) => (Object.hasOwn(drivers, name) ? drivers[name]() : undefined);`,
      resolveDir: '.',
    })),
  );
}

function generated(name, setup) {
  return { name: `generated ${name}`, setup };
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`);
}
