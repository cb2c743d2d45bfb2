/** `layerhook/runtime`: hooks put into a container's config.json, and the real OCI runtime in this process's place. */
export { isLayerhookError } from '../errors/error.js';
export { becomeRuntime, type Wrapper } from './become-runtime.js';
