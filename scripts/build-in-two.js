/**
 * Builds two files for commands that run for each container. NAME.cjs has the modules that every such run needs, without a
 * function around each: V8 runs them in one step, and node's compile cache holds that step. NAME-rest.cjs has all that
 * these modules import with `import()`. It loads when one of its modules is imported for the first time, and takes the
 * modules of NAME.cjs from there, so that each module exists once.
 */
import { relative } from 'node:path';
import { build } from 'esbuild';

/**
 * @param options of esbuild, for both files
 * @param name of the files
 * @param roots the modules that every run needs; what they import statically is needed too
 * @returns the paths of all modules in the files
 */
export async function buildInTwo(options, name, roots) {
  const [file, rest] = [`${name}.cjs`, `${name}-rest.cjs`];
  const settings = { ...options, external: [...options.external, `./${file}`, `./${rest}`] };
  const first = await neededBy(roots, settings);
  const bundleFirst = (paths, more) =>
    bundle(file, entryOf(paths, first), { ...settings, ...more }, ({ path, kind }) =>
      kind === 'dynamic-import' ? wholeModule(path in first ? file : rest, path) : undefined,
    );
  const imported = elsewhereIn(await bundleFirst(Object.keys(first), { write: false }));
  const rows = imported.flatMap((path) => (path in first ? [] : [`'${path}': () => require('./${path}')`]));
  const result = await bundle(rest, `exports.modules = { ${rows.join()} };`, settings, ({ path }) =>
    path in first ? eachExport(file, path, first[path]) : undefined,
  );
  // what nothing imports from outside is not exported: with all exports, a second unpack takes 6 ms more
  const used = [...roots, ...imported, ...elsewhereIn(result)].filter((path) => path in first);
  await bundleFirst([...new Set(used)]);
  return [...Object.keys(first), ...Object.keys(result.metafile.inputs)];
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

/** Returns the modules that are in the outputs: not those of which nothing is used. */
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
function entryOf(paths, names) {
  const rows = paths.map((path, at) => ({
    imports: `import { ${names[path].map((name, of) => `${name} as m${at}_${of}`).join()} } from './${path}';`,
    row: `'${path}': () => ({ ${names[path].map((name, of) => `${name}: m${at}_${of}`).join()} })`,
  }));
  return `${rows.map(({ imports }) => imports).join('\n')}
    export const modules = { ${rows.map(({ row }) => row).join()} };`;
}

const moduleIn = (file, path) => `require('./${file}').modules['${path}']()`;

/** The text of a module as CommonJS, which esbuild, as node, imports as the default export. */
const wholeModule = (file, path) => `const module_ = ${moduleIn(file, path)};
  module.exports = Object.keys(module_).join() === 'default' ? module_.default : module_;`;

/** The text of a module with named exports, of which esbuild drops those that are not used. */
function eachExport(file, path, names) {
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
