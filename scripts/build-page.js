/**
 * Puts the page of `inspect --html` together: src/cli/page becomes one HTML file with its style and script in it. The browser
 * runs this style and this script only, by their hashes in a Content-Security-Policy, and loads nothing: a hole in the escaping
 * of an image's names would still run no code. The element of the data stays empty; src/cli/output/inspect-page.ts fills it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

const folder = 'src/cli/page';

/** @param target path of the HTML file */
export async function buildPage(target) {
  const [style, script] = [await bundle('style.css'), await bundle('main.ts')];
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    `script-src ${hashOf(script)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const html = readFileSync(`${folder}/index.html`, 'utf8')
    .replace(/^\s+/gm, '')
    .replace(
      '<meta charset="utf-8">',
      (charset) => `${charset}\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    )
    .replace('<link rel="stylesheet" href="style.css">', () => `<style>${style}</style>`)
    .replace('<script src="main.ts"></script>', () => `<script>${script}</script>`);
  writeFileSync(target, html);
}

async function bundle(file) {
  const { outputFiles } = await build({
    entryPoints: [`${folder}/${file}`],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    charset: 'ascii',
    target: ['chrome111', 'firefox121', 'safari16.4'],
    logLevel: 'warning',
  });
  return outputFiles[0].text.trim();
}

function hashOf(text) {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
