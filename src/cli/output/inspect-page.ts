import { readFileSync } from 'node:fs';
import type { PageData } from '../../engine/inspect/page-data.js';
import { inspectPageFile } from '../../places.js';

const emptyData = '<script type="application/json" id="data">';

/** Returns the page of `inspect --html` with its data. */
export function renderPage(data: PageData): string {
  const [head, tail] = readFileSync(inspectPageFile, 'utf8').split(emptyData) as [string, string];
  return [head, emptyData, scriptJson(data), tail].join('');
}

/**
 * Returns JSON for an element of HTML. The names in it come from an image. Without `<` they cannot end the element or begin a
 * comment, and without control and format characters they look the same in every editor.
 */
function scriptJson(data: PageData): string {
  return JSON.stringify(data).replace(/<|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
