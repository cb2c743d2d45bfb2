const digestName = '(sha256_[0-9a-f]{64}|sha512_[0-9a-f]{128})';
const mtree = new RegExp(`^${digestName}\\.mtree$`);

/**
 * Names that layerhook and umoci give to what they make in the directory of a bundle. Drivers and hooks name their files
 * `layerhook.…`.
 */
const made = [
  /^rootfs$/,
  // the suffix marks an unfinished file of replaceFile, of umoci or of an earlier version
  /^config\.json(\.[0-9a-f]+\.tmp|\.layerhook-\d+)?$/,
  /^umoci\.json(\.[0-9a-f]+\.tmp)?$/,
  mtree,
  new RegExp(`^${digestName}\\.mtree(\\.[0-9a-f]+)?\\.tmp$`),
  /^layerhook\../,
] as const;

/** True if unpack, repack or a driver makes an entry of this name in the directory of a bundle. */
export function isBundleName(name: string): boolean {
  return made.some((pattern) => pattern.test(name));
}

/** True if an mtree of a bundle has this name. */
export function isMtreeName(name: string): boolean {
  return mtree.test(name);
}

/** True if a file of this name in a bundle is left by a killed command: no command reads a file under such a name. */
export function isUnfinishedName(name: string): boolean {
  return (isBundleName(name) && /\.[0-9a-f]{12}\.tmp$/.test(name)) || entriesName.test(name);
}

/** Lists of the entries of a layer that passes through a hook as a tar. */
const entriesName = /^layerhook\.entries-\d+-[0-9a-f]{12}$/;

/**
 * Names of a bundle in the order in which they appear. layerhook.json, the first, tells that a directory has something of a
 * bundle; umoci.json, the last, that the bundle is whole.
 */
export function inOrder(names: readonly string[]): string[] {
  const rank = (name: string) => {
    if (name === 'layerhook.json') return 0;
    return name === 'umoci.json' ? 2 : 1;
  };
  return names.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/**
 * Names of a bundle in the order in which they are removed: umoci.json first, so that no command takes the rest for a whole
 * bundle; layerhook.json last, so that `bundle rm` knows the rest. umoci's own bundles have umoci.json alone, which goes last.
 */
export function removalOrder(names: readonly string[]): string[] {
  const order = inOrder(names).reverse();
  if (names.includes('layerhook.json') || order[0] !== 'umoci.json') return order;
  return [...order.slice(1), 'umoci.json'];
}
