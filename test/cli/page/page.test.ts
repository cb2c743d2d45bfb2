import test from 'ava';
import { closeBrowser, openInBrowser } from '../../helpers/browser.js';
import { buildImage } from '../../helpers/image.js';
import { dir, file } from '../../layer/apply/harness.js';
import { activeRow, layers, rows, writePage } from './fixture.js';

test.after.always(closeBrowser);

test.serial('the page loads nothing, and shows figures, layers and files', async (t) => {
  const path = await writePage(t, layers);
  const opened = await openInBrowser(t, path);
  if (opened === null) return;
  const { page, requests, messages } = opened;
  const texts = (selector: string) =>
    page.$$eval(selector, (all) => all.map(({ textContent }) => textContent));
  t.deepEqual(await texts('.layer .number'), ['layer 0', 'layer 1']);
  t.deepEqual(await texts('.layer .amount'), [
    ...['+10 added, ', '~0 changed, ', '−0 deleted, '],
    ...['+1 added, ', '~2 changed, ', '−1 deleted, '],
  ]);
  t.deepEqual((await texts('#figures strong')).slice(2), ['2', '5.0 kB', '52.8 %']);
  t.deepEqual(await rows(page), [
    ...['/', '~bin/', 'againhardlink', 'toolhardlink', 'etc/', '~changed', '+new'],
    ...['lib symlink to usr/lib', 'usr/', 'lib/', 'one.so'],
  ]);
  t.is(await page.title(), `${await page.textContent('#image')} – layerhook inspect`);
  t.deepEqual(messages, []);
  t.deepEqual(requests, [`file://${path}`]);
});

test.serial('each view follows the chosen layer, and switches leave kinds of changes out', async (t) => {
  const opened = await openInBrowser(t, await writePage(t, layers));
  if (opened === null) return;
  const { page } = opened;
  const status = () => page.textContent('#status');
  const check = (name: string | RegExp) =>
    page.getByRole('radio', { name, exact: true }).check({ force: true });
  t.is(await status(), '11 paths, 5.6 kB');
  await check('Layer changes');
  t.deepEqual(await rows(page), ['/', '~bin/', 'etc/', '~changed', '−deleted', '+new']);
  t.is(await status(), '4 paths, 2.6 kB');
  await check('Wasted');
  t.deepEqual(await rows(page), ['/', 'etc/', '~changed', '−deleted']);
  t.is(await status(), '2 paths, 5.0 kB');
  await check(/layer 0/);
  t.is(await status(), '0 paths, 0 B');
  await check('All files');
  t.is(await status(), '11 paths, 10.0 kB');
  await page.getByRole('button', { name: /Added/ }).click();
  t.is(await status(), '1 path, 0 B');
});

test.serial('the tree has the keys of the tree view pattern', async (t) => {
  const opened = await openInBrowser(t, await writePage(t, layers));
  if (opened === null) return;
  const { page } = opened;
  await page.focus('#tree');
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
    return activeRow(page);
  };
  t.is(await press('ArrowDown'), 'bin 2 1/4 true');
  t.is(await press('ArrowRight'), 'again 3 1/2 null');
  t.is(await press('ArrowLeft'), 'bin 2 1/4 true');
  t.is(await press('ArrowLeft'), 'bin 2 1/4 false');
  t.is(await press('ArrowDown'), 'etc 2 2/4 true');
  t.is(await press('ArrowUp', 'Enter'), 'bin 2 1/4 true');
  t.is(await press('End'), 'one.so 4 1/1 null');
  t.is(await press('Home'), ' 1 1/1 true');
  t.is(await press('c'), 'changed 3 1/2 null');
  t.is(await press('ArrowLeft', 'ArrowLeft', 'Home', 'ArrowDown', 'ArrowLeft', '*'), 'bin 2 1/4 true');
  t.is(await press('PageDown'), 'one.so 4 1/1 null');
  t.is(await page.$eval('#details .path', ({ textContent }) => textContent), '/usr/lib/one.so');
  // the focus stays visible on the row
  t.not(
    await page.$eval(
      '.row[aria-selected=true]',
      (row) => row.ownerDocument.defaultView!.getComputedStyle(row).outlineStyle,
    ),
    'none',
  );
});

test.serial('the filter finds names and paths; Escape removes it and goes back to the tree', async (t) => {
  const opened = await openInBrowser(t, await writePage(t, layers));
  if (opened === null) return;
  const { page } = opened;
  await page.focus('#tree');
  await page.keyboard.press('/');
  await page.keyboard.type('LIB/O');
  t.deepEqual(await rows(page), ['/', 'usr/', 'lib/', 'one.so']);
  t.is(await page.textContent('#status'), '1 path, 1.0 kB');
  await page.keyboard.press('Escape');
  t.is((await rows(page)).length, 11);
  await page.keyboard.press('Escape');
  t.is(await page.evaluate('document.activeElement.id'), 'tree');
});

test.serial('the treemap opens directories, and selects files in the tree', async (t) => {
  const opened = await openInBrowser(t, await writePage(t, layers), {
    viewport: { width: 1300, height: 800 },
  });
  if (opened === null) return;
  const { page } = opened;
  const cell = (name: RegExp) => page.getByRole('button', { name });
  await cell(/: usr\/lib, directory/).click({ position: { x: 5, y: 5 } });
  t.is(await page.textContent('#crumbs'), '/usrlib');
  await cell(/: usr\/lib\/one\.so, 1\.0 kB, 100\.0 %, layer 0/).click();
  t.regex(await activeRow(page), /^one\.so/);
  await page.keyboard.press('Escape');
  t.is(await page.textContent('#crumbs'), '/usr');
  await page.keyboard.press('Escape');
  await cell(/: bin, directory/).focus();
  await page.keyboard.press('ArrowRight');
  t.regex((await page.evaluate('document.activeElement.title')) as string, /^usr, directory/);
});

test.serial('--against adds the difference to another image', async (t) => {
  const other = buildImage(t, [
    layers[0]!,
    [dir('opt'), file('opt/gone', 'x'.repeat(700)), file('etc/new', 'y')],
  ]);
  const opened = await openInBrowser(t, await writePage(t, layers, { args: ['--against', other.reference] }));
  if (opened === null) return;
  const { page } = opened;
  t.deepEqual(await rows(page), [
    ...['/', '~bin/mode', 'etc/', '~changedcontent', '−deleted', '~newcontent', '−opt/', '−gone'],
  ]);
  t.regex((await page.textContent('#against'))!, /: 5\.1 kB smaller, 3 fewer paths$/);
  await page.locator('#tree').getByText('changed', { exact: true }).click();
  t.regex((await page.textContent('#details'))!, /content · 3\.0 kB → 500 B/);
  t.is(await page.getByText('shared', { exact: true }).count(), 1);
});
