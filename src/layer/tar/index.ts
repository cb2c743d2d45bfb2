export { type TarLimits, TarReader, type TarReaderOptions } from './reader.js';
