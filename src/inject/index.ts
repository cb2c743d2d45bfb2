/** `layerhook/runtime`: adds hooks to a container's config.json, and replaces this process by the real OCI runtime. */
export { isLayerhookError } from '../errors/error.js';
export { becomeRuntime, type Wrapper } from './become-runtime.js';
