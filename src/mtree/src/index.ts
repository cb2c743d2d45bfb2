export { Entry, type EntryType, type KeywordMap } from './entry.js';
export { MtreeError, type MtreeErrorCode } from './error.js';
export { currentHeader, formatDate, type Header } from './header.js';
export {
  canonicalKeyword,
  defaultKeywords,
  type Keyword,
  type KeywordRow,
  keywordPrefix,
  keywordTable,
  parseKeywordList,
  umociKeywords,
} from './keywords.js';
export { Manifest } from './manifest.js';
export { parse } from './parse.js';
export { type TreeSink, writeTree } from './tree.js';
export type { Values } from './values.js';
export { unvis, vis } from './vis.js';
export { ManifestWriter, type ManifestWriterOptions, TreeWriter, type TreeWriterOptions } from './writer.js';
