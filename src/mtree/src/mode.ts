/**
 * Parses a mode of mtree(5): octal (`0755`), or symbolic as in chmod(1) (`u=rwx,go=rx`), starting from mode 0.
 *
 * @returns the permission bits, or undefined for a malformed mode
 */
export function parseMode(text: string): number | undefined {
  if (/^[0-7]{1,6}$/.test(text)) return Number.parseInt(text, 8) & 0o7777;
  let mode = 0;
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxst]*)+)$/.exec(clause);
    if (!match) return undefined;
    for (const [action] of match[2]!.matchAll(/[-+=][rwxst]*/g)) mode = apply(mode, match[1]!, action);
  }
  return mode;
}

/** Applies an action such as `=rx` to a mode. */
function apply(mode: number, classNames: string, action: string): number {
  const classes = classNames === '' || classNames.includes('a') ? 'ugo' : classNames;
  const bits = bitsOf(classes, action.slice(1));
  if (action[0] === '+') return mode | bits;
  if (action[0] === '-') return mode & ~bits;
  return (mode & ~bitsOf(classes, 'rwxst')) | bits;
}

function bitsOf(classes: string, permissions: string): number {
  let bits = permissions.includes('t') ? 0o1000 : 0;
  for (const [permission, value] of permissionBits) {
    if (!permissions.includes(permission)) continue;
    for (const name of classes) bits |= value[name as 'u' | 'g' | 'o'];
  }
  return bits;
}

const permissionBits = [
  ['r', { u: 0o400, g: 0o040, o: 0o004 }],
  ['w', { u: 0o200, g: 0o020, o: 0o002 }],
  ['x', { u: 0o100, g: 0o010, o: 0o001 }],
  ['s', { u: 0o4000, g: 0o2000, o: 0 }],
] as const;
