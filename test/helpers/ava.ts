/**
 * Starts ava with the arguments of this process. ava's TAP reporter (7.0, 8.1) ends with a TypeError at a timeout instead of
 * naming the tests that hang: it expects that the error of each test has an `originalError`, which its own error lacks.
 */
Object.defineProperty(Error.prototype, 'originalError', {
  get(this: Error) {
    return this;
  },
});
await import(new URL('../../../node_modules/ava/entrypoints/cli.mjs', import.meta.url).href);
