export { type GenerateOptions, generateLayer, type PackedFile } from './generate.js';
export { chooseCompression, type WrittenLayer, writeLayer } from './write-layer.js';
