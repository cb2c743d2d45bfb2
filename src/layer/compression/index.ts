export { compressionOfMediaType, detectCompression, findCompression } from './detect.js';
export { algorithmOf, compressions } from './registry.js';
export { createCompressor, createDecompressor } from './streams.js';
