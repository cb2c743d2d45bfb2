/** EROFS images whose file data is the layer's own tar. */

export { tarAt as erofsTarOffset } from './format.js';
export { ErofsImage, type ErofsImageOptions } from './image.js';
export { whyNotErofs } from './support.js';
