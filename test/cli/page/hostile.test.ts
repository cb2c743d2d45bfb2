import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'ava';
import type { Page } from 'playwright-core';
import { fromText } from '../../../src/system/bytes.js';
import { closeBrowser, openInBrowser } from '../../helpers/browser.js';
import { dir, file, symlink } from '../../layer/apply/harness.js';
import { layers, rows, writePage } from './fixture.js';

test.after.always(closeBrowser);

const script = "globalThis.canary='run'";

test.serial('hostile names, targets and commands are text', async (t) => {
  const names = [
    `</script><script>${script}<`,
    `<img src=x onerror="${script}">`,
    `"><svg onload=${script}>`,
    '<!--',
    '&lt;b>',
    '__proto__',
    fromText('gpj.\u202eexe'),
    'a\nb\x1b[31m\xff',
  ];
  const path = await writePage(
    t,
    [
      [
        ...names.map((name) => file(name.replaceAll('/', '\x01'), 'x')),
        symlink('~link', `</script><b>${script}`),
      ],
    ],
    {
      edit: {
        config: ({ history }) => {
          history![0]!.created_by = `</script><script>${script}</script>\u2066`;
        },
      },
    },
  );
  const html = readFileSync(path, 'utf8');
  t.is(html.match(/<\/script/g)!.length, 2);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the page must not have them
  t.notRegex(html, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
  const opened = await openInBrowser(t, path);
  if (opened === null) return;
  const { page, requests, messages } = opened;
  t.deepEqual((await rows(page)).slice(1).sort(), [
    "+\"><svg onload=globalThis.canary='run'>",
    '+&lt;b>',
    '+<!--',
    "+<\\x01script><script>globalThis.canary='run'<",
    '+<img src=x onerror="globalThis.canary=\'run\'">',
    '+__proto__',
    '+a\\x0ab\\x1b[31m\\xff',
    '+gpj.\\u202eexe',
    "+~link symlink to </script><b>globalThis.canary='run'",
  ]);
  t.is(await page.textContent('.command'), `</script><script>${script}</script>\\u2066`);
  await page.focus('#tree');
  for (const _ of names) await page.keyboard.press('ArrowDown');
  await page.getByRole('radio', { name: 'Layer changes' }).check({ force: true });
  t.is(await page.evaluate('globalThis.canary'), undefined);
  t.is(await page.$('img, svg, b:not(.cell b)'), null);
  t.deepEqual(messages, []);
  t.is(requests.length, 1);
});

test.serial('the policy of the page runs no other script, even if one gets into it', async (t) => {
  const opened = await openInBrowser(t, await writePage(t, layers));
  if (opened === null) return;
  const { page, messages } = opened;
  await page.$eval(
    'body',
    (body, code) => {
      body.insertAdjacentHTML('beforeend', `<img src="x" onerror="${code}">`);
      body.append(Object.assign(body.ownerDocument.createElement('script'), { textContent: code }));
    },
    script,
  );
  t.is(await page.evaluate('globalThis.canary'), undefined);
  t.true(messages.some((message) => /Content Security Policy/.test(message)));
});

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Violations of WCAG 2.2, levels A and AA, that axe finds: rule and element. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const run = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`;
  const result = (await page.evaluate(run)) as { violations: { id: string; nodes: { html: string }[] }[] };
  return result.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

for (const [colorScheme, width] of [
  ['light', 1300],
  ['dark', 360],
] as const)
  test.serial(`axe finds nothing to blame, ${colorScheme}, ${width} pixels wide`, async (t) => {
    const path = await writePage(t, layers);
    const opened = await openInBrowser(t, path, { colorScheme, viewport: { width, height: 800 } });
    if (opened === null) return;
    const { page } = opened;
    t.deepEqual(await violations(page), []);
    await page.getByRole('radio', { name: 'Layer changes' }).check({ force: true });
    await page.locator('#tree').getByText('changed', { exact: true }).click();
    t.deepEqual(await violations(page), []);
    const ground = await page.$eval(
      'body',
      (body) => body.ownerDocument.defaultView!.getComputedStyle(body).backgroundColor,
    );
    t.is(ground, colorScheme === 'dark' ? 'rgb(19, 21, 23)' : 'rgb(246, 246, 244)');
    t.true(((await page.evaluate('document.documentElement.scrollWidth')) as number) <= width);
  });

test.serial('100,000 files are a few hundred elements, wherever the tree is scrolled', async (t) => {
  const many = [dir('d')];
  for (let at = 0; at < 100_000; at++)
    many.push(file(`d/${String(at % 100).padStart(2, '0')}/file-${String(at).padStart(6, '0')}`, 'x'));
  const opened = await openInBrowser(t, await writePage(t, [many]));
  if (opened === null) return;
  const { page } = opened;
  const count = () => page.$$eval('*', (all) => all.length);
  await page.getByRole('button', { name: 'Open all directories' }).click();
  await page.focus('#tree');
  await page.keyboard.press('End');
  t.regex((await rows(page)).at(-1)!, /file-099999$/);
  t.is(await page.$eval('[role=treeitem]:last-child', (row) => row.getAttribute('aria-setsize')), '1000');
  t.true((await count()) < 3000, String(await count()));
  await page.$eval('#tree', (tree) => tree.scrollTo(0, tree.scrollHeight / 2));
  await page.waitForFunction("document.querySelector('.row .name').textContent.startsWith('file-')");
  t.true((await rows(page)).length < 100);
  await page.fill('#query', '77777');
  t.deepEqual(await rows(page), ['/', '+d/', '+77/', '+file-077777']);
  await page.fill('#query', 'file-');
  t.is(await page.textContent('#status'), '100,000 paths, 100.0 kB');
  t.true((await count()) < 3000);
});
