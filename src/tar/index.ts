export { TarReader, type TarReaderOptions } from './reader.js';
export { mayHaveSparseFiles } from './sparse.js';
