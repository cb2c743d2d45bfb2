/** Commands of umoci that are not supported yet. They have an error message of their own. */
export const umociOnly: ReadonlySet<string> = new Set([
  'config',
  'raw add-layer',
  'raw config',
  'raw runtime-config',
  'raw unpack',
]);
