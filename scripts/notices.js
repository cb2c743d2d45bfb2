/** The licence notices of the packages that the build puts into dist/bundle; their licences ask for it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const title = `layerhook contains code of the packages below, under their licences.
layerhook itself is under the Apache License, Version 2.0: see LICENSE.
`;

/**
 * Writes a file with name, version, licence and licence text of each package that has a file among the inputs of the bundle.
 * A package that ships no licence text is named with its author and the licence's page.
 *
 * @param inputs paths of the bundled files, relative to the repository
 */
export function writeNotices(inputs, file) {
  const packages = new Set(
    inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  writeFileSync(file, [title, ...[...packages].sort().map(noticeOf)].join(`\n${'-'.repeat(76)}\n\n`));
}

function noticeOf(directory) {
  const { name, version, license, author } = JSON.parse(
    readFileSync(join(directory, 'package.json'), 'utf8'),
  );
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)(\.|$)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(directory, file), 'utf8').trim());
  const by = author?.name ?? author ?? 'its authors';
  const text = texts.join('\n\n') || `Copyright ${by}. https://spdx.org/licenses/${license}.html`;
  return `${name} ${version} (${license})\n\n${text}\n`;
}
