import type { Entry } from './entry.js';
import { canonicalKeyword, keywordPrefix } from './keywords.js';
import type { Manifest } from './manifest.js';
import { writeTree } from './tree.js';
import { vis } from './vis.js';
import { type Emitter, TreeWriter } from './writer.js';

export interface FormatOptions {
  /**
   * `tree` (the default) is go-mtree's style: relative entries, `/set`, comments. `plain` has one full path on each line,
   * as `mtree -C` prints.
   */
  style?: 'tree' | 'plain';
  /** writes only these keywords, in this order; default: all, in the order of first occurrence */
  keywords?: readonly string[];
}

/**
 * Returns a manifest as bytes. Parsing them gives the same files with the same keywords.
 *
 * @throws MtreeError INCOMPLETE_TREE if the style is `tree` and the directory of a file is not in the manifest
 */
export function formatManifest(manifest: Manifest, options: FormatOptions = {}): Buffer {
  const keywords = options.keywords?.map(canonicalKeyword) ?? allKeywords(manifest);
  if (options.style === 'plain') return formatPlain(manifest, keywords);
  return formatTree(manifest, keywords);
}

function formatPlain(manifest: Manifest, keywords: readonly string[]): Buffer {
  const emitters = keywords.map(entryEmitter);
  const lines = [...manifest.byPath.values()].map((entry) => {
    const name = entry.path === '.' ? '.' : `./${vis(entry.path)}`;
    return `${name}${emitters.map((emit) => emit(entry)).join('')}\n`;
  });
  return Buffer.from(`#mtree\n${lines.join('')}`, 'latin1');
}

function formatTree(manifest: Manifest, keywords: readonly string[]): Buffer {
  const chunks: Buffer[] = [];
  const entries = [...manifest.byPath.values()];
  const writer = new TreeWriter<Entry>((chunk) => chunks.push(chunk), {
    keywords,
    header: Object.fromEntries(manifest.header),
    emitter: entryEmitter,
    // a keyword that some entry lacks must not be in /set, which would add it
    settable: (keyword) => entries.every((entry) => entry.has(keyword)),
  });
  writeTree(
    writer,
    entries.map((entry) => [entry.path, entry] as const),
    (entry) => entry.type === 'dir',
  );
  writer.end();
  return Buffer.concat(chunks);
}

function entryEmitter(keyword: string): Emitter<Entry> {
  if (keyword === 'xattr') return xattrs;
  return (entry) => {
    const value = entry.get(keyword);
    if (value === undefined) return '';
    return value === '' ? ` ${keyword}` : ` ${keyword}=${value}`;
  };
}

function xattrs(entry: Entry): string {
  const names = [...entry.keywords.keys()].filter((name) => keywordPrefix(name) === 'xattr').sort();
  return names.map((name) => ` ${vis(name)}=${entry.get(name)}`).join('');
}

function allKeywords(manifest: Manifest): string[] {
  const names = new Set<string>();
  for (const entry of manifest.entries)
    for (const name of entry.keywords.keys()) names.add(keywordPrefix(name));
  return [...names];
}
