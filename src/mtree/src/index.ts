export { type CheckOptions, check, checkSteps } from './check.js';
export { compare } from './compare.js';
export type { CompareOptions, Delta, KeyDelta } from './delta.js';
export { Entry, type EntryType, type KeywordMap } from './entry.js';
export { MtreeError, type MtreeErrorCode } from './error.js';
export { type FormatOptions, formatManifest } from './format.js';
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
export type { ParseOptions } from './limits.js';
export { Manifest } from './manifest.js';
export type { OwnerNames } from './owners.js';
export { parse } from './parse.js';
export type { SystemOptions } from './read-values.js';
export { formatBSD, formatJSON, formatPaths } from './report.js';
export type { Steps } from './steps.js';
export { type TreeSink, writeTree } from './tree.js';
export type { Values } from './values.js';
export { unvis, vis } from './vis.js';
export { create, createSteps, toKeywords, type WalkOptions, walk } from './walk.js';
export { ManifestWriter, type ManifestWriterOptions } from './writer.js';
