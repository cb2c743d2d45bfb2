import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { layerhook, succeed } from '../../helpers/cli.js';
import { buildImage, type ImageOptions } from '../../helpers/image.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';
import { dir, file, hardlink, symlink } from '../../layer/apply/harness.js';

/** Two layers with every kind of change. */
export const layers: RawEntry[][] = [
  [
    dir('bin'),
    file('bin/tool', 'x'.repeat(4000)),
    hardlink('bin/again', 'bin/tool'),
    dir('etc'),
    file('etc/changed', 'x'.repeat(3000)),
    file('etc/deleted', 'x'.repeat(2000)),
    symlink('lib', 'usr/lib'),
    file('usr/lib/one.so', 'x'.repeat(1000)),
  ],
  [
    file('etc/changed', 'x'.repeat(500)),
    file('etc/.wh.deleted'),
    file('etc/new', 'x'.repeat(100)),
    dir('bin', { mode: 0o700 }),
  ],
];

/** Writes the page of an image with the command, and returns its path. */
export async function writePage(
  t: ExecutionContext<unknown>,
  image: RawEntry[][],
  options: ImageOptions & { args?: string[] } = {},
): Promise<string> {
  const { reference } = buildImage(t, image, options);
  const path = join(tmpdir(t), 'page.html');
  const args = ['inspect', '--html', path, ...(options.args ?? []), reference];
  t.is(await succeed(t, layerhook(args)), '');
  return path;
}

/** Rows of the tree that exist: the sign of the change, the name, and what follows the name. */
export function rows(page: Page): Promise<string[]> {
  return page.$$eval('[role=treeitem]', (items) =>
    items.map((item) => {
      const text = (part: string) => item.querySelector(part)?.textContent ?? '';
      return `${text('.mark [aria-hidden]')}${text('.label')}`;
    }),
  );
}

/** What a screen reader learns of the active row: name, level, place among its siblings, and whether it is open. */
export function activeRow(page: Page): Promise<string> {
  return page.$eval('#tree', (tree) => {
    const item = tree.ownerDocument.getElementById(tree.getAttribute('aria-activedescendant') ?? '')!;
    const value = (name: string) => item.getAttribute(`aria-${name}`);
    const name = item.querySelector('.name')!.textContent;
    return `${name} ${value('level')} ${value('posinset')}/${value('setsize')} ${value('expanded')}`;
  });
}
