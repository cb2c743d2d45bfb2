/**
 * Bundles what the command line and its threads load into dist/bundle, so that a command opens a few files and not a
 * hundred. They are CommonJS, which starts faster; what is imported lazily is still run only then. The library's
 * exports stay what tsc made.
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const outdir = 'dist/bundle';
const { exports, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const inlined = ['commander', 'mtree-ts', 'tar-stream'];

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
  banner: {
    js: `const bundleURL = require('node:url').pathToFileURL(__filename).href;
const importModule = module.importModule ?? ((name) => import(name));
const lazily = (name) => {
  let loaded;
  return new Proxy({}, { get: (_, key) => (loaded ??= require(name))[key] });
};`,
  },
  metafile: true,
  // comments go with it: one letter beyond Latin-1 makes V8 hold and read the text in two bytes a letter
  minifyWhitespace: true,
  lineLimit: 120,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};

const addresses = replaced('src/places.ts', (text) => text.replaceAll(/(?<=worker)\.js/g, '.cjs'));

const shippedDrivers = replaced('src/engine/shipped-drivers.ts', () => {
  const rows = readdirSync('drivers').map(
    (name) => `'${name}': () => import('../../drivers/${name}/index.js')`,
  );
  return `const drivers: Record<string, () => Promise<object>> = { ${rows.join(', ')} };
    export const isShippedDriver = (name: string) => Object.hasOwn(drivers, name);
    export const shippedDriver = (name: string) => drivers[name]();`;
});

/**
 * The files that commands are in, and the sources that each starts from: what a warm unpack runs (all layers are in the
 * store), and what a repack runs besides. V8 goes through a file's whole text before it runs any of it. A source is in
 * the first that imports it; what is imported lazily and not named here is in `rest`.
 */
const roots = {
  unpack: [
    'src/cli/commands/unpack.ts',
    'src/config/load.ts',
    'src/engine/open-image.ts',
    'src/engine/operation.ts',
    'src/engine/unpack-image.ts',
    'src/engine/unpack.ts',
    'drivers/copy/index.ts',
    'drivers/overlay/index.ts',
    'drivers/overlay/rootfs.ts',
  ],
  repack: [
    'src/cli/commands/repack.ts',
    'src/engine/repack.ts',
    'src/image/session.ts',
    'src/layer/compression/index.ts',
    'src/layer/generate/index.ts',
    'src/layer/generate/write-layer.ts',
    'src/snapshot/trust.ts',
    'drivers/overlay/delta.ts',
    'drivers/overlay/mount.ts',
  ],
};

/** Modules of node's that take milliseconds to load: they are loaded when something of theirs is first used. */
const heavy = [
  'child_process',
  'crypto',
  'fs/promises',
  'stream',
  'stream/promises',
  'timers/promises',
  'util',
  'worker_threads',
];
const requireHeavy = new RegExp(`(?<==\\s*)require\\("node:(${heavy.join('|')})"\\)`, 'g');

/** V8 of node 20 does not import from what it has kept compiled (src/cli/bundle-main.cjs): its loader does. */
const imports = /(?<![\w$.])import(?=\()/g;

/** `--version`, `--help` and wrong options do without commands. */
const commandTable = replaced('src/cli/commands/index.ts', (text) =>
  text.replaceAll(/import\('\.\/([\w-]+)\.js'\)/g, (_, name) => {
    const file = `src/cli/commands/${name}.ts`;
    restRoots.add(file);
    return exportsOf(file);
  }),
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

rmSync(outdir, { recursive: true, force: true });
/** the part that each source is in */
const parts = new Map();
/** what is imported from `rest` */
const restRoots = new Set();
for (const [part, files] of Object.entries(roots)) {
  for (const file of files) parts.set(file, part);
  const { inputs } = (await buildPart(part, files, { write: false })).metafile;
  for (const file of Object.keys(inputs)) if (/^[^:]+\.[jt]s$/.test(file)) parts.set(file, part);
}
const program = {
  entryPoints: { program: 'src/cli/main.ts' },
  external: [...common.external, '*.cjs'],
  plugins: [commandTable, withoutPrograms],
};
const workers = [
  'src/layer/apply/worker.ts',
  'src/layer/stream/source-worker.ts',
  'src/snapshot/service/tree-worker.ts',
];
await Promise.all([
  build({
    ...common,
    entryPoints: { runtime: 'hooks/runtime.ts' },
    external: common.external.filter((name) => name !== '@iarna/toml'),
    plugins: [onlyTomlParser],
  }),
  build({ ...common, ...program }),
  build({ ...common, entryPoints: workers, plugins: [addresses] }),
  ...Object.keys(roots).map((part) => buildPart(part, filesOf(part))),
]);
await buildPart(
  'rest',
  [...restRoots].filter((file) => !parts.has(file)),
);
for (const part of ['program', ...Object.keys(roots), 'rest']) {
  const file = `${outdir}/${part}.cjs`;
  const [banner, code] = split(readFileSync(file, 'utf8'));
  writeFileSync(
    file,
    banner + code.replaceAll(requireHeavy, "lazily('node:$1')").replaceAll(imports, 'importModule'),
  );
}
copyFileSync('src/cli/bundle-main.cjs', `${outdir}/main.cjs`);
chmodSync(`${outdir}/main.cjs`, 0o755);

function filesOf(part) {
  return [...parts].filter(([, of]) => of === part).map(([file]) => file);
}

/** Makes one file of sources; `load` in it has what each exports. */
function buildPart(part, files, options) {
  const rows = files.map((file) => `'${file}': () => require('./${file}')`);
  return build({
    ...common,
    stdin: { contents: `export const load = { ${rows.join(',\n')} };`, resolveDir: '.', sourcefile: part },
    outdir: undefined,
    outExtension: undefined,
    outfile: `${outdir}/${part}.cjs`,
    plugins: [leave(part), addresses, shippedDrivers],
    ...options,
  });
}

/** What comes before the sources, and they. */
function split(text) {
  const end = text.indexOf(common.banner.js) + common.banner.js.length;
  return [text.slice(0, end), text.slice(end)];
}

function partOf(file) {
  return parts.get(file) ?? 'rest';
}

/** What a source exports, for who is in another part. */
function exportsOf(file) {
  return `require('./${partOf(file)}.cjs').load['${file}']()`;
}

/** Lets a part import from the others what is theirs. */
function leave(part) {
  const imports = /^(\.|[a-z-]+(\/|$))/;
  const asked = {};
  return {
    name: `what others than ${part} have`,
    setup: ({ onResolve, onLoad, resolve: find }) => {
      onResolve({ filter: imports, namespace: 'file' }, async ({ path, kind, pluginData, ...from }) => {
        if (pluginData === asked || kind === 'entry-point') return undefined;
        const found = await find(path, { kind, pluginData: asked, ...from });
        const file = relative('.', found.path);
        if (found.external || has(part, file, kind)) return undefined;
        restRoots.add(file);
        return { path: file, namespace: 'another part' };
      });
      // two steps: what a part exports is CommonJS, and imported as if it were the source
      onResolve({ filter: /./, namespace: 'another part' }, ({ path }) => ({ path, namespace: 'exports' }));
      onLoad({ filter: /./, namespace: 'another part' }, ({ path }) => ({
        contents: `export * from '${path}'; export { default } from '${path}';`,
      }));
      onResolve({ filter: /./, namespace: 'exports' }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /./, namespace: 'exports' }, ({ path }) => ({
        contents: `module.exports = ${exportsOf(path)};`,
      }));
    },
  };
}

/** Whether a source is in the part itself where it is imported. @param kind esbuild's kind of import */
function has(part, file, kind) {
  const owner = partOf(file);
  return owner === part || (owner === 'rest' && kind !== 'dynamic-import');
}

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
