import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';

/** The comments at the top of a go-mtree manifest; one that is missing is not written. */
export interface Header {
  user?: string;
  machine?: string;
  /** the directory that the manifest is of */
  tree?: string;
  /** as written; {@link formatDate} makes it as go-mtree does */
  date?: string;
}

/**
 * The header that go-mtree would write here and now for the directory `tree`.
 *
 * @param tree path as the user gave it; `.` and `..` are made absolute
 */
export function currentHeader(tree: string): Header {
  return {
    ...currentUser(),
    machine: hostname(),
    tree: tree === '.' || tree === '..' ? resolve(tree) : tree,
    date: formatDate(new Date()),
  };
}

/** A date in local time as in `Sat Nov 21 22:25:40 2026`. */
export function formatDate(date: Date): string {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const clock = time.map((part) => String(part).padStart(2, '0')).join(':');
  return `${days[date.getDay()]} ${months[date.getMonth()]} ${date.getDate()} ${clock} ${date.getFullYear()}`;
}

/** The lines of a header, the list of keywords last. */
export function headerLines(header: Header, keywords: readonly string[]): string {
  const { user, machine, tree, date } = header;
  return Object.entries({ user, machine, tree, date, keywords: keywords.join(',') })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `#${`${key}: `.padStart(16)}${oneLine(value!)}\n`)
    .join('');
}

/** Text for a comment: line ends, which names may contain, are shown as escapes. */
export function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, (end) => (end === '\n' ? '\\012' : '\\015'));
}

/** A process may run under a uid without a name. */
function currentUser(): { user?: string } {
  try {
    return { user: userInfo().username };
  } catch {
    return {};
  }
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
