/** Redraws the picture of docs/architecture.md from the imports: `node dist/test/structure/architecture.js`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { ICruiseResult } from 'dependency-cruiser';
import { cruiseImports } from './import-graph.js';

export const documentFile = 'docs/architecture.md';
const begin = '<!-- from the imports: node dist/test/structure/architecture.js -->';
const end = '<!-- end -->';

type Graph = Map<string, Set<string>>;

/** Returns the document with the picture of the present imports in it. */
export async function withPicture(document: string): Promise<string> {
  const [head, rest] = document.split(begin);
  const tail = rest?.split(end).slice(1).join(end);
  if (tail === undefined) throw new Error(`${documentFile} has lost the marks of its picture`);
  const graph = foldersOf(await cruiseImports(process.cwd(), ['src', 'drivers', 'hooks']));
  return `${head}${begin}\n\n\`\`\`mermaid\n${draw(withoutShortcuts(graph))}\n\`\`\`\n\n${end}${tail}`;
}

/** The folders of src that each folder imports. The public entry points are one node, `layerhook`. */
function foldersOf({ modules }: ICruiseResult): Graph {
  const graph: Graph = new Map();
  for (const { source, dependencies } of modules) {
    const from = folderOf(source);
    if (from === undefined) continue;
    const to = dependencies
      .map(({ resolved }) => folderOf(resolved))
      .filter((folder) => folder !== undefined);
    graph.set(from, new Set([...(graph.get(from) ?? []), ...to.filter((folder) => folder !== from)]));
  }
  return graph;
}

function folderOf(path: string): string | undefined {
  if (path === 'src/places.ts') return undefined;
  if (/^layerhook(\/|$)/.test(path) || /^src\/[^/]+\.ts$/.test(path)) return 'layerhook';
  return /^(?:src\/([^/]+)\/|(drivers|hooks)\/)/.exec(path)?.slice(1).find(Boolean);
}

/** Leaves out an arrow where a longer way leads to the same folder: the picture shows which folder builds on which. */
function withoutShortcuts(graph: Graph): Graph {
  const reach = new Map<string, Set<string>>();
  const reachable = (from: string): Set<string> => {
    const known = reach.get(from);
    if (known) return known;
    const found = new Set<string>();
    reach.set(from, found);
    for (const to of graph.get(from) ?? []) for (const each of [to, ...reachable(to)]) found.add(each);
    return found;
  };
  const isShortcut = (from: string, to: string) =>
    [...(graph.get(from) ?? [])].some((other) => other !== to && reachable(other).has(to));
  return new Map(
    [...graph].map(([from, targets]) => [from, new Set([...targets].filter((to) => !isShortcut(from, to)))]),
  );
}

function draw(graph: Graph): string {
  const arrows = [...graph].flatMap(([from, targets]) => [...targets].map((to) => `  ${from} --> ${to}`));
  return ['flowchart TD', ...arrows.sort()].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(documentFile, await withPicture(readFileSync(documentFile, 'utf8')));
}
