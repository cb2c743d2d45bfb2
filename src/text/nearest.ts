/**
 * Returns the known name that was probably meant by `given`: one that ends like it, or that differs in at most two
 * letters or a third of them. Returns undefined if none is that close.
 */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const ending = sharingEnd(given, known);
  if (ending.length === 1) return ending[0];
  const ranked = known
    .map((name) => ({ name, distance: distance(given, name) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, best.name.length / 3) ? best.name : undefined;
}

/** Returns ` (did you mean X?)`, with all candidates that end like `given`, or '' if no name is close. */
export function didYouMean(given: string, known: readonly string[]): string {
  const ending = sharingEnd(given, known);
  const meant = ending.length > 0 ? ending.join(' or ') : nearest(given, known);
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}

function sharingEnd(given: string, known: readonly string[]): string[] {
  return known.filter((name) => given !== '' && (name.endsWith(`.${given}`) || given.endsWith(`.${name}`)));
}

/** Levenshtein distance: how many letters must be inserted, removed or replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
