/** Returns a count with its unit, a regular plural: `1 byte`, `4096 bytes`, `2 entries`. */
export function counted(count: number, unit: string): string {
  return `${count} ${unitOf(count, unit)}`;
}

/** Returns the unit of a count, of its plural: `entry` for 1, else `entries`. */
export function unitOf(count: number, unit: string): string {
  return count === 1 ? unit.replace(/ies$|s$/, (end) => (end === 's' ? '' : 'y')) : unit;
}
