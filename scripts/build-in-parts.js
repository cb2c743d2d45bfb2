/**
 * Builds a few files for commands that run for each container. The modules that a run with a full layer store needs are in
 * NAME.cjs and further parts, without a function around each module: V8 runs them in one step, and node's compile cache
 * holds that step. NAME-rest.cjs has all that these modules import with `import()`. A part loads when one of its modules is
 * imported for the first time. Each module is in one file, and the other files take the values of its exports from there.
 */
import { relative } from 'node:path';
import { build } from 'esbuild';

/**
 * @param options of esbuild, for all files
 * @param name of the first file
 * @param roots by the name of a part, the modules that its runs need; what they import statically is needed too
 * @returns the paths of all modules in the files
 */
export async function buildInParts(options, name, roots) {
  const rest = `${name}-rest.cjs`;
  const files = Object.keys(roots).map((part) => (part === 'first' ? `${name}.cjs` : `${name}-${part}.cjs`));
  const external = [...options.external, ...[...files, rest].map((file) => `./${file}`)];
  const settings = { ...options, external };
  const modules = {};
  for (const [at, paths] of Object.values(roots).entries()) {
    const needed = await neededBy(paths, settings);
    for (const [path, names] of Object.entries(needed)) modules[path] ??= { file: files[at], names };
  }
  const bundlePart = (file, paths, more) =>
    bundle(file, entryOf(paths, modules), { ...settings, ...more }, ({ path, kind }) => {
      const module = modules[path];
      if (kind === 'dynamic-import') return wholeModule(module?.file ?? rest, path);
      return module === undefined || module.file === file ? undefined : eachExport(path, module);
    });
  const within = (file, paths) => [...new Set(paths)].filter((path) => modules[path]?.file === file);
  const imported = [];
  for (const file of files) {
    const all = within(file, Object.keys(modules));
    imported.push(...elsewhereIn(await bundlePart(file, all, { write: false })));
  }
  const rows = imported.flatMap((path) => (path in modules ? [] : [`'${path}': () => require('./${path}')`]));
  const contents = `exports.modules = { ${[...new Set(rows)].join()} };`;
  const result = await bundle(rest, contents, settings, ({ path }) =>
    path in modules ? eachExport(path, modules[path]) : undefined,
  );
  // what no other file imports is not exported: with all exports, a second unpack takes 6 ms more
  const used = [...Object.values(roots).flat(), ...imported, ...elsewhereIn(result)];
  for (const file of files) await bundlePart(file, within(file, used));
  return [...Object.keys(modules), ...Object.keys(result.metafile.inputs)];
}

function bundle(file, contents, { outdir, entryPoints: _, plugins, ...settings }, replacement) {
  return build({
    ...settings,
    stdin: { contents, resolveDir: '.' },
    outfile: `${outdir}/${file}`,
    plugins: [elsewhere(replacement), ...plugins],
  });
}

/** Returns the paths of the modules of other files. */
const elsewhereIn = (result) => inputsOf(result, /^elsewhere:/).map((path) => path.replace('elsewhere:', ''));

/**
 * Returns the modules that the roots need statically, each with the names of its exports. The modules found become roots
 * themselves, until no more are found: an export that only the rest uses may import more.
 */
async function neededBy(roots, { plugins, ...settings }) {
  const result = await build({
    ...settings,
    entryPoints: roots,
    format: 'esm',
    splitting: true,
    sourcemap: false,
    write: false,
    plugins: [elsewhere(({ kind }) => (kind === 'dynamic-import' ? '' : undefined)), ...plugins],
  });
  const paths = inputsOf(result, /^(?!elsewhere:)[^?]*$/);
  return paths.length === roots.length ? exportsOf(result) : neededBy(paths, { plugins, ...settings });
}

/** Returns the modules that the outputs contain, without those whose exports nothing uses. */
function inputsOf({ metafile }, pattern) {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 && pattern.test(path) ? [path] : [],
  );
}

function exportsOf({ metafile }) {
  const outputs = Object.values(metafile.outputs);
  return Object.fromEntries(
    outputs.flatMap(({ entryPoint, exports }) =>
      entryPoint && !/^elsewhere:/.test(entryPoint) ? [[entryPoint, exports]] : [],
    ),
  );
}

/** An entry point that exports, for each module, a function that returns its exports. */
function entryOf(paths, modules) {
  const rows = paths.map((path, at) => ({
    imports: `import { ${modules[path].names.map((name, of) => `${name} as m${at}_${of}`).join()} } from './${path}';`,
    row: `'${path}': () => ({ ${modules[path].names.map((name, of) => `${name}: m${at}_${of}`).join()} })`,
  }));
  return `${rows.map(({ imports }) => imports).join('\n')}
    export const modules = { ${rows.map(({ row }) => row).join()} };`;
}

const moduleIn = (file, path) => `require('./${file}').modules['${path}']()`;

/** The text of a module as CommonJS, which esbuild, as node, imports as the default export. */
const wholeModule = (file, path) => `const module_ = ${moduleIn(file, path)};
  module.exports = Object.keys(module_).join() === 'default' ? module_.default : module_;`;

/** The text of a module with named exports. esbuild drops the unused ones. */
function eachExport(path, { file, names }) {
  const rows = names.map((name) =>
    name === 'default' ? 'export default module_.default;' : `export const ${name} = module_.${name};`,
  );
  return `const module_ = /* @__PURE__ */ (() => ${moduleIn(file, path)})();\n${rows.join('\n')}`;
}

/**
 * A plugin that replaces modules of other files.
 *
 * @param replacement returns the text to bundle in place of a module, or undefined
 */
function elsewhere(replacement) {
  const resolved = Symbol('resolved');
  return {
    name: 'elsewhere',
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /./ }, async ({ path, namespace: _, ...args }) => {
        if (args.pluginData === resolved || args.kind === 'entry-point') return undefined;
        const found = await resolve(path, { ...args, pluginData: resolved });
        if (found.errors.length > 0 || found.external || found.suffix) return undefined;
        const file = relative('.', found.path);
        const contents = replacement({ path: file, kind: args.kind });
        return contents === undefined
          ? undefined
          : { path: file, namespace: 'elsewhere', pluginData: contents, sideEffects: false };
      });
      onLoad({ filter: /./, namespace: 'elsewhere' }, ({ pluginData }) => ({
        contents: pluginData,
        resolveDir: '.',
      }));
    },
  };
}
