/**
 * Bundles what the command line and its threads load into dist/bundle, so that a command opens a few files and not a
 * hundred. They are CommonJS, which starts faster; what is imported lazily is still run only then. The library's
 * exports stay what tsc made.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';

const outdir = 'dist/bundle';
const { exports, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const inlined = ['commander', 'mtree-ts'];

const common = {
  outdir,
  outbase: 'src',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  // the package's own name means its sources: a driver gets the classes that the engine has
  alias: Object.fromEntries(
    Object.entries(exports)
      .filter(([, entry]) => entry.default)
      .map(([name, entry]) => [
        name.replace('.', 'layerhook'),
        `./${entry.default.slice('./dist/'.length, -'js'.length)}ts`,
      ]),
  ),
  external: Object.keys(dependencies).filter((name) => !inlined.includes(name)),
  define: { 'import.meta.url': 'bundleURL' },
  banner: { js: "const bundleURL = require('node:url').pathToFileURL(__filename).href;" },
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

const places = replaced('src/places.ts', (text) => text.replaceAll(/(?<=worker)\.js/g, '.cjs'));

const shippedDrivers = replaced('src/engine/shipped-drivers.ts', () => {
  const rows = readdirSync('drivers').map(
    (name) => `'${name}': () => import('../../drivers/${name}/index.js')`,
  );
  return `const drivers: Record<string, () => Promise<object>> = { ${rows.join(', ')} };
    export const shippedDriver = (name: string) => (Object.hasOwn(drivers, name) ? drivers[name]() : undefined);`;
});

/** Commands are in a file of their own, which `--version`, `--help` and wrong options do without. */
const importCommand = /import\('\.\/([\w-]+)\.js'\)/g;
const commandTable = replaced('src/cli/commands/index.ts', (text) =>
  text.replaceAll(importCommand, "require('./commands.cjs').load['$1']()"),
);
/** It starts no programs for commands of ours. */
const withoutPrograms = {
  name: 'commander starts no programs',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /commander/.test(importer) ? { path: 'none', namespace: 'none' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: '' }));
  },
};
const commandsApart = {
  name: 'commands apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/commands\.cjs$/ }, ({ path }) => ({ path, external: true })),
};
/** It only reads TOML. */
const onlyTomlParser = {
  name: 'only the parser of @iarna/toml',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^@iarna\/toml$/ }, () => ({ path: 'parser', namespace: 'toml' }));
    onLoad({ filter: /./, namespace: 'toml' }, () => ({
      contents: "module.exports = { parse: require('@iarna/toml/parse-string.js') };",
      resolveDir: '.',
    }));
  },
};
const table = readFileSync('src/cli/commands/index.ts', 'utf8');
const loads = [...table.matchAll(importCommand)].map(([load, name]) => `'${name}': () => ${load}`);

rmSync(outdir, { recursive: true, force: true });
await Promise.all([
  build({
    ...common,
    entryPoints: { program: 'src/cli/main.ts' },
    plugins: [places, commandTable, commandsApart, withoutPrograms],
  }),
  build({
    ...common,
    stdin: {
      contents: `export const load = { ${loads.join(', ')} };`,
      resolveDir: 'src/cli/commands',
      sourcefile: 'commands.ts',
    },
    outdir: undefined,
    outExtension: undefined,
    outfile: `${outdir}/commands.cjs`,
    plugins: [places, shippedDrivers],
  }),
  build({
    ...common,
    entryPoints: { runtime: 'hooks/runtime.ts' },
    external: common.external.filter((name) => name !== '@iarna/toml'),
    plugins: [onlyTomlParser],
  }),
  build({
    ...common,
    entryPoints: ['src/layer/apply/worker.ts', 'src/layer/stream/source-worker.ts'],
    plugins: [places],
  }),
]);
writeFileSync(
  `${outdir}/main.cjs`,
  `#!/usr/bin/env node
// Node 22 and later keep the compiled program for the next start.
require('node:module').enableCompileCache?.();
if (process.argv.includes('--debug')) process.setSourceMapsEnabled(true);
require('./program.cjs');
`,
);
chmodSync(`${outdir}/main.cjs`, 0o755);

/** Edits the text of one source file on its way into the bundle. */
function replaced(file, edit) {
  const path = resolve(file);
  return {
    name: file,
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, (args) =>
        args.path === path
          ? { contents: edit(readFileSync(path, 'utf8')), loader: 'ts', resolveDir: dirname(path) }
          : undefined,
      ),
  };
}
