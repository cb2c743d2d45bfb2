/**
 * Bundles what the command line, its threads and the runtime load into dist/bundle, so that a command opens a few files
 * and not hundreds. They are CommonJS: as modules, which import all of node's own before they start, a warm unpack takes
 * 1.7 times as long. The library's exports stay what tsc made. Figures are CPU times on node 24 (docs/performance.md).
 */
import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { buildInParts } from './scripts/build-in-parts.js';
import { buildPage } from './scripts/build-page.js';
import { writeNotices } from './scripts/notices.js';

const { exports, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.ts$/.test(file),
);
const threads = sources.filter((file) => /\bworker\.ts$/.test(file));
const commands = sources.flatMap((file) => /^cli\/commands\/(?!index\.)([\w/-]+\.ts)$/.exec(file)?.[1] ?? []);
const bundled = ['@iarna/toml', 'koffi', 'lmdb', 'mtree-ts', 'ordered-binary'];
const checkNode = readFileSync('scripts/check-node.cjs', 'utf8').replace(/^\/\/.*\n/gm, '');

/**
 * Makes the package's own name mean its sources: a shipped driver gets the classes that the engine has. Each importer gets an
 * entry point of its own with what it imports. One for all would load everything that any driver or hook imports. Drivers
 * import the package statically: `import('layerhook')` may use everything, which added 130 kB to unpack.cjs.
 */
const ownName = {
  name: 'own name',
  setup({ onResolve }) {
    onResolve({ filter: /^layerhook(\/|$)/ }, ({ path, importer }) => {
      const file = exports[path.replace('layerhook', '.')].default;
      const source = resolve(file.replace('/dist/', '/').replace(/js$/, 'ts'));
      return { path: source, suffix: `?${importer}`, sideEffects: false };
    });
  },
};

/** What the copy driver has in common with the store: in the store's file, they would load LMDB for the copy driver too. */
const usedByCopy = [
  'src/store/exists.ts',
  'src/system/exists.ts',
  'src/system/identity.ts',
  'src/system/ioctl.ts',
  'src/system/mount.ts',
  'src/system/trusted-directory.ts',
  'src/system/xattr.ts',
];

/**
 * Commands that run for each container have files of their own, all others share commands.cjs. `roots` are the modules that
 * the commands import with `import()` when they run with the overlay driver and a full store: they are in the file that
 * loads first. A second unpack takes 75 ms of CPU time, with all modules of a command in one file 84 ms.
 */
const ownFiles = {
  unpack: {
    commands: /^image\/unpack\.ts$/,
    roots: {
      first: [
        'src/engine/unpack/unpack.ts',
        'src/engine/unpack/unpack-image.ts',
        'src/engine/open-image.ts',
        'src/engine/operation.ts',
        'src/config/load.ts',
        ...usedByCopy,
      ],
      store: ['src/store/metadata/database.ts', 'drivers/overlay/index.ts', 'drivers/overlay/rootfs.ts'],
    },
  },
  repack: {
    commands: /^image\/repack\.ts$/,
    roots: {
      first: ['src/engine/repack/repack.ts', 'src/config/load.ts', 'src/image/session.ts', ...usedByCopy],
      store: ['src/store/metadata/database.ts', 'drivers/overlay/index.ts', 'drivers/overlay/delta.ts'],
    },
  },
  bundle: {
    commands: /^bundle\//,
    roots: {
      first: [
        'src/engine/bundle/mount.ts',
        'src/engine/bundle/remove.ts',
        'src/engine/unpack/publish.ts',
        'src/config/load.ts',
        ...usedByCopy,
        'src/engine/bundle/mtree-check.ts',
        'src/layer/walk/index.ts',
      ],
      store: [
        'src/store/maintenance/trust.ts',
        'src/store/metadata/database.ts',
        'drivers/overlay/index.ts',
        'drivers/overlay/mount.ts',
      ],
    },
  },
};
const pathOf = (command) => `src/cli/commands/${command}`;
const ownFileOf = (command) => Object.keys(ownFiles).find((name) => ownFiles[name].commands.test(command));

/** Keeps the commands out of program.cjs: without them `--version` takes 28 ms, with them 31 ms. */
const commandsApart = {
  name: 'commands apart',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^all other commands$/ }, ({ path }) => ({ path, namespace: 'command' }));
    onLoad({ filter: /^all other commands$/, namespace: 'command' }, () => {
      const rows = commands
        .filter((command) => !ownFileOf(command))
        .map((command) => `'${pathOf(command)}': () => require('./${pathOf(command)}')`);
      return { contents: `exports.modules = { ${rows.join()} };`, resolveDir: '.' };
    });
    onResolve({ filter: /^\./ }, ({ path, kind, importer }) =>
      kind === 'dynamic-import' && importer.endsWith('/commands/index.ts')
        ? { path: path.replace(/^\.\/(.*)js$/, '$1ts'), namespace: 'command' }
        : undefined,
    );
    onLoad({ filter: /./, namespace: 'command' }, ({ path }) => {
      const file = ownFileOf(path) ?? 'commands';
      return { contents: `export default require('./${file}.cjs').modules['${pathOf(path)}']().default;` };
    });
  },
};

/** Puts the shipped drivers in the bundle, in place of a search for their files. */
const driversWithin = {
  name: 'drivers within',
  setup({ onLoad }) {
    const rows = readdirSync('drivers').map(
      (name) => `'${name}': () => import('./drivers/${name}/index.ts')`,
    );
    const contents = `const drivers = { ${rows.join()} };
      export const isShippedDriver = (name) => Object.hasOwn(drivers, name);
      export const shippedDriver = (name) => drivers[name]();`;
    onLoad({ filter: /\/shipped-drivers\.ts$/ }, () => ({ contents, resolveDir: '.' }));
  },
};

rmSync('dist/bundle', { recursive: true, force: true });
const options = {
  metafile: true,
  entryPoints: {
    program: 'src/cli/main.ts',
    commands: 'all other commands',
    runtime: 'hooks/runtime.ts',
    'archive-overlay': 'hooks/archive-overlay.ts',
    // named as in src, so that src/places.ts finds them
    ...Object.fromEntries(threads.map((file) => [file.replace(/\.ts$/, ''), `src/${file}`])),
  },
  outdir: 'dist/bundle',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  alias: {
    koffi: './src/system/addons/koffi.ts',
    'node-gyp-build-optional-packages': './src/system/addons/lmdb.ts',
    // all of it but its native part, which would be searched with the package above
    msgpackr: 'msgpackr/pack',
    // evaluates code that knows its variables' names, which esbuild keeps only in CommonJS
    'ordered-binary': './node_modules/ordered-binary/dist/index.cjs',
  },
  external: [
    './commands.cjs',
    ...Object.keys(ownFiles).map((name) => `./${name}.cjs`),
    ...Object.keys(dependencies).filter((name) => !bundled.includes(name)),
  ],
  define: { 'import.meta.url': 'bundleURL' },
  banner: { js: `${checkNode}const bundleURL = require('node:url').pathToFileURL(__filename).href;` },
  plugins: [commandsApart, driversWithin, ownName],
  // a warm unpack takes 5 % less time than with spaces and long names; --debug shows stacks as in src
  minify: true,
  lineLimit: 120,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
};
const { metafile } = await build(options);
const inputs = Object.keys(metafile.inputs);
for (const [name, { commands: own, roots }] of Object.entries(ownFiles)) {
  const first = commands.filter((command) => own.test(command)).map(pathOf);
  inputs.push(...(await buildInParts(options, name, { ...roots, first: [...first, ...roots.first] })));
}
writeNotices(inputs, 'dist/bundle/THIRD-PARTY-NOTICES.txt');
await buildPage('dist/bundle/inspect-page.html');
copyFileSync('src/cli/bundle-main.cjs', 'dist/bundle/main.cjs');
chmodSync('dist/bundle/main.cjs', 0o755);
