export { type GenerateOptions, generateLayer, type PackedFile } from './generate.js';
