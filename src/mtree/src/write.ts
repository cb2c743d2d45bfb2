/** `mtree-ts/write`: functions that write manifests, without the code that parses and compares them. */
export { currentHeader, formatDate, type Header } from './header.js';
export { defaultKeywords, type Keyword, umociKeywords } from './keywords.js';
export type { Values } from './values.js';
export { ManifestWriter, type ManifestWriterOptions } from './writer.js';
