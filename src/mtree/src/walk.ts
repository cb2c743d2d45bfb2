import type { BigIntStats } from 'node:fs';
import { Entry } from './entry.js';
import type { Header } from './header.js';
import { defaultKeywords, type Keyword } from './keywords.js';
import { Manifest } from './manifest.js';
import { computable, type SystemOptions, valuesReader } from './read-values.js';
import { allSteps, type Steps } from './steps.js';
import { type Found, traverse } from './traverse.js';
import { formatters, formatXattrs, type Values } from './values.js';
import { ManifestWriter } from './writer.js';

export interface WalkOptions extends SystemOptions {
  /** keywords to collect; default: {@link defaultKeywords} */
  keywords?: readonly Keyword[];
  /** returns true to skip a file and everything below it; `path` is a byte string relative to the root, which is `.` */
  exclude?: (path: string, stats: BigIntStats) => boolean;
}

/**
 * Walks a directory and returns its manifest. Does not follow symbolic links, and does not open FIFOs or devices.
 *
 * @param root the directory, or a symbolic link to it
 * @throws MtreeError NOT_A_DIRECTORY, UNREADABLE, UNKNOWN_KEYWORD, NO_XATTRS
 */
export function walk(root: string | Buffer, options: WalkOptions = {}): Manifest {
  const keywords = computable(options.keywords ?? defaultKeywords, options);
  const entries: Entry[] = [];
  const add = (found: Found, values: Values) => {
    entries.push(new Entry(found.path, 0, '', toKeywords(values, keywords)));
  };
  allSteps(visit(root, options, keywords, { enterDirectory: add, file: add, leaveDirectory() {} }));
  return new Manifest(entries);
}

/**
 * Walks a directory and writes its manifest in go-mtree's style during the walk, with the same output as `gomtree -c`.
 *
 * @param write called with chunks of about 64 KiB
 * @throws the errors of {@link walk}
 */
export function create(
  root: string | Buffer,
  write: (chunk: Buffer) => void,
  options: WalkOptions & { header?: Header } = {},
): void {
  allSteps(createSteps(root, write, options));
}

/** Does the same as {@link create}, in steps. */
export function* createSteps(
  root: string | Buffer,
  write: (chunk: Buffer) => void,
  options: WalkOptions & { header?: Header } = {},
): Steps<void> {
  const keywords = computable(options.keywords ?? defaultKeywords, options);
  const writer = new ManifestWriter(write, { keywords, ...(options.header && { header: options.header }) });
  yield* visit(root, options, keywords, {
    enterDirectory: (found, values) => writer.enterDirectory(found.name, values),
    file: (found, values) => writer.file(found.name, values),
    leaveDirectory: () => writer.leaveDirectory(),
  });
  writer.end();
}

/** Returns the keywords of {@link Values}, formatted as in a manifest. */
export function toKeywords(values: Values, keywords: readonly Keyword[]): Map<string, string> {
  const map = new Map<string, string>();
  for (const keyword of keywords) {
    if (keyword === 'xattr') {
      for (const [name, value] of formatXattrs(values.xattrs)) map.set(`xattr.${name}`, value);
    } else {
      const value = formatters[keyword as keyof typeof formatters](values);
      if (value !== undefined) map.set(keyword, value);
    }
  }
  return map;
}

interface ValuesVisitor {
  enterDirectory(found: Found, values: Values): void;
  file(found: Found, values: Values): void;
  leaveDirectory(): void;
}

function* visit(
  root: string | Buffer,
  { exclude, ...system }: WalkOptions,
  keywords: readonly Keyword[],
  visitor: ValuesVisitor,
): Steps<void> {
  const read = valuesReader(keywords, system);
  yield* traverse(root, {
    access: system.access,
    *enterDirectory(found) {
      if (exclude?.(found.path, found.stats)) return false;
      visitor.enterDirectory(found, yield* read(found));
      return true;
    },
    *file(found) {
      if (!exclude?.(found.path, found.stats)) visitor.file(found, yield* read(found));
    },
    leaveDirectory: visitor.leaveDirectory,
    unreadable(_path, error) {
      throw error;
    },
  });
}
