/** The links of every Markdown document lead to a file, and to a heading where they name one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'ava';

const documents = ['.', 'docs', 'src/mtree'].flatMap((directory) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.md'))
    .map((name) => normalize(join(directory, name))),
);

/** Returns the anchors that GitHub and typedoc make of a document's headings. */
function anchors(text: string): string[] {
  const headings = withoutBlocks(text).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title]) =>
    title!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '');
}

/** Returns the links of a document that lead nowhere. */
function deadLinks(document: string, text: string): string[] {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links.filter((link) => {
    if (/^(https?|mailto):/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const file = path === '' ? document : join(dirname(document), path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && !anchors(readFileSync(file, 'utf8')).includes(anchor);
  });
}

for (const document of documents)
  test(`the links of ${document} lead somewhere`, (t) => {
    t.deepEqual(deadLinks(document, readFileSync(document, 'utf8')), []);
  });

test('a link to a missing file or heading is found', (t) => {
  const text =
    '[a](nope.md) [b](#nope) [c](README.md#nope) [d](README.md#try-it)\n```\n[e](in-a-block.md)\n```\n';
  t.deepEqual(deadLinks('x.md', `# Here\n${text}[f](README.md)`), ['nope.md', '#nope', 'README.md#nope']);
});
