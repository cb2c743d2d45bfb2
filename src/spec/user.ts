import { LayerhookError } from '../errors/index.js';

/** The user that a container's process runs as. */
export interface ExecUser {
  uid: number;
  gid: number;
  /** groups of the user in /etc/group; empty if the image names a group */
  additionalGids: number[];
  /** home directory in /etc/passwd; empty without an entry */
  home: string;
}

/** Linux has 32-bit IDs, and the last one means "unchanged". Larger IDs could overflow to 0. */
const largestID = 2 ** 32 - 2;
/** umoci and the engines refuse larger numbers in `User` that have no entry in /etc/passwd or /etc/group. */
const largestNumber = 2 ** 31 - 1;

/**
 * Resolves an image's `User` (image-spec config.md): `user`, `uid`, `user:group`, `uid:gid` and mixtures. The first
 * matching entry counts. An empty user means UID 0. A number is always an ID, never a name, and needs no entry.
 *
 * @param passwd content of the image's /etc/passwd, passwd(5); undefined if it is missing
 * @param group content of the image's /etc/group, group(5); undefined if it is missing
 * @throws LayerhookError IMAGE_INVALID for an unknown name or an ID out of range
 */
export function resolveUser(user: string, passwd: string | undefined, group: string | undefined): ExecUser {
  const [name = '', groupName = ''] = user.split(':');
  const resolved: ExecUser = { uid: 0, gid: 0, additionalGids: [], home: '' };
  const wanted = name === '' ? 0 : numberOf(name);
  const entry = rows(passwd).find((fields) =>
    wanted === undefined ? fields[0] === name : numberOf(fields[2]) === wanted,
  );
  if (entry !== undefined) {
    resolved.uid = checkID(user, entry[2]);
    resolved.gid = checkID(user, entry[3]);
    resolved.home = entry[5] ?? '';
  } else if (wanted === undefined) {
    throw invalid(user, `user ${name} not found in /etc/passwd`);
  } else {
    resolved.uid = checkID(user, String(wanted), largestNumber);
  }
  const groups = rows(group).filter((fields) => !fields[0]?.startsWith('#'));
  if (groupName !== '') {
    resolved.gid = resolveGroup(user, groupName, groups);
  } else if (entry?.[0]) {
    const member = entry[0];
    resolved.additionalGids = groups
      .filter((fields) => fields[3]?.split(',').includes(member))
      .map((fields) => checkID(user, fields[2]));
  }
  return resolved;
}

function resolveGroup(user: string, name: string, groups: readonly string[][]): number {
  const wanted = numberOf(name);
  const entry = groups.find((fields) =>
    wanted === undefined ? fields[0] === name : numberOf(fields[2]) === wanted,
  );
  if (entry === undefined && wanted !== undefined) return checkID(user, String(wanted), largestNumber);
  if (entry === undefined) throw invalid(user, `group ${name} not found in /etc/group`);
  return checkID(user, entry[2]);
}

function rows(file: string | undefined): string[][] {
  return (file ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

function checkID(user: string, text: string | undefined, largest = largestID): number {
  const id = numberOf(text);
  if (id !== undefined && id >= 0 && id <= largest) return id;
  throw invalid(user, `ID ${text ?? '(missing)'} is not a number from 0 to ${largest}`);
}

function invalid(user: string, reason: string): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what: `User ${JSON.stringify(user)} of the image`, reason });
}
