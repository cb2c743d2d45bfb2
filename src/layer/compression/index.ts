export { type CompressorOptions, createCompressor } from './compress.js';
export { createDecompressor } from './decompress.js';
export { compressionOfMediaType, detectCompression, HEAD_BYTES } from './detect.js';
