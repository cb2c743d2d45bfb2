/**
 * The import rules of docs/architecture.md. test/structure/imports.test.ts runs them on the tree and on bad samples.
 */

/**
 * The folders of src, lowest first: a folder imports only from those before it. src/places.ts, the addresses of files, is
 * below all of them.
 */
const layers = [
  ...['errors', 'mtree', 'system', 'text', 'tar', 'image', 'layer', 'points', 'overlay', 'erofs', 'store'],
  ...['config', 'spec', 'snapshotter', 'engine', 'testing', 'inject', 'ctk', 'terminal', 'cli'],
];

const upwards = layers.map((layer, at) => ({
  name: `upwards-from-${layer}`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: `^src/(?!places\\.ts|(?:${layers.slice(0, at + 1).join('|')})/)` },
}));

module.exports = {
  forbidden: [
    ...upwards,
    { name: 'places-import', severity: 'error', from: { path: '^src/places\\.ts$' }, to: { path: '^src/' } },
    { name: 'file-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'folder-cycle', scope: 'folder', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'library-imports-cli',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'src-knows-driver-or-hook',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(?:drivers|hooks|test)/' },
    },
    {
      name: 'private-import-in-driver-or-hook',
      comment: 'A third-party driver can import the public entry points only, so ours do the same.',
      severity: 'error',
      from: { path: '^(drivers|hooks)/' },
      to: { pathNot: '^$1/|^layerhook(?:/|$)', dependencyTypesNot: ['core'] },
    },
    {
      name: 'mtree-imports-layerhook',
      severity: 'error',
      from: { path: '^src/mtree/' },
      to: { pathNot: '^src/mtree/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'koffi-outside-system',
      severity: 'error',
      from: { pathNot: '^src/system/' },
      to: { path: 'koffi' },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(?:^|/)dist/' },
  },
};
