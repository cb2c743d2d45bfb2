export { type GenerateOptions, generateLayer } from './generate.js';
export type { PackedFile, PackOptions } from './pack.js';
export { generateTree, type TreeOptions } from './tree.js';
export { writeTar, writeTarFile } from './write-file.js';
export { chooseCompression, writeLayer } from './write-layer.js';
