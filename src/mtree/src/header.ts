import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';

/** The comments at the top of a go-mtree manifest; undefined ones are omitted. */
export interface Header {
  user?: string;
  machine?: string;
  /** the directory that the manifest describes */
  tree?: string;
  /** text of the date; {@link formatDate} formats a date as go-mtree does */
  date?: string;
}

/**
 * Returns the header that go-mtree would write now, as this user, for the directory `tree`.
 *
 * @param tree the path from the user; `.` and `..` become absolute
 */
export function currentHeader(tree: string): Header {
  return {
    ...currentUser(),
    machine: hostname(),
    tree: tree === '.' || tree === '..' ? resolve(tree) : tree,
    date: formatDate(new Date()),
  };
}

/** Formats a date in local time, such as `Sat Nov 21 22:25:40 2026`. */
export function formatDate(date: Date): string {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const clock = time.map((part) => String(part).padStart(2, '0')).join(':');
  return `${days[date.getDay()]} ${months[date.getMonth()]} ${date.getDate()} ${clock} ${date.getFullYear()}`;
}

/** Returns the lines of a header; the list of keywords is last. */
export function headerLines(header: Header, keywords: readonly string[]): string {
  const { user, machine, tree, date } = header;
  return Object.entries({ user, machine, tree, date, keywords: keywords.join(',') })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `#${`${key}: `.padStart(16)}${oneLine(value!)}\n`)
    .join('');
}

/** Escapes line ends, which names may contain, for a comment. */
export function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, (end) => (end === '\n' ? '\\012' : '\\015'));
}

/** Returns the name of the current user, unless its uid has no name. */
function currentUser(): { user?: string } {
  try {
    return { user: userInfo().username };
  } catch {
    return {};
  }
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
