/** Commands of umoci that we do not have yet: asked for, they get an answer of their own. */
export const umociOnly: ReadonlySet<string> = new Set([
  'config',
  'raw add-layer',
  'raw config',
  'raw runtime-config',
  'raw unpack',
]);
