/** The code in the documents compiles in a project of a user, with TypeScript's strictest checks of it and of our declarations. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { tmpdir } from '../helpers/tmp.js';

/** What a document says in words. */
const given = `
import type { LayerContext } from 'layerhook';
declare global {
  const layer: LayerContext;
  function fetchInto(target: string, chainID: string, signal: AbortSignal): Promise<boolean>;
}
`;

const moduleKinds = { nodenext: 'nodenext', bundler: 'esnext' };

for (const [moduleResolution, module] of Object.entries(moduleKinds))
  test(`code of the documents compiles with moduleResolution ${moduleResolution}`, (t) => {
    const directory = tmpdir(t);
    mkdirSync(join(directory, 'node_modules'));
    symlinkSync(resolve('.'), join(directory, 'node_modules/layerhook'));
    symlinkSync(resolve('node_modules/@types'), join(directory, 'node_modules/@types'));
    const documents = readdirSync('docs').filter((name) => name.endsWith('.md'));
    const blocks = ['README.md', ...documents.map((name) => `docs/${name}`)].flatMap((document) =>
      [...readFileSync(document, 'utf8').matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].map(([, code], at) => {
        const name = `${document.replaceAll(/\W/g, '-')}-${at}.ts`;
        return { name, code: code! };
      }),
    );
    t.true(blocks.length >= 7);
    for (const { name, code } of blocks) writeFileSync(join(directory, name), `${code}export {};\n`);
    // a module that is required finds the package too
    const common = `import layerhook = require('layerhook');\nexport const done: Promise<unknown> = layerhook.unpack({ image: 'i', bundle: 'b' });\n`;
    if (module === 'nodenext') writeFileSync(join(directory, 'common.cts'), common);
    writeFileSync(join(directory, 'given.ts'), given);
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2022', types: ['node'], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      skipLibCheck: false,
    };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    t.notThrows(() => execFileSync(resolve('node_modules/.bin/tsc'), { cwd: directory, encoding: 'utf8' }));
  });
