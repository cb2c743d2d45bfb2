import { LayerhookError } from '../errors/index.js';

/** Who a container's process runs as. */
export interface ExecUser {
  uid: number;
  gid: number;
  /** groups that /etc/group lists the user in; only when no group was asked for */
  additionalGids: number[];
  /** home directory of the entry in /etc/passwd; empty without one */
  home: string;
}

/** As runtimes have it: larger ids are refused, where a wrap-around could make them 0. */
const largestID = 2 ** 31 - 1;

/**
 * Resolves an image's `User` (image-spec config.md): `user`, `uid`, `user:group`, `uid:gid` and mixtures; the
 * first entry that matches wins. Empty means uid 0. Numbers need no entry, and are never taken for names.
 *
 * @param passwd content of the image's /etc/passwd, passwd(5); undefined when it has none
 * @param group content of its /etc/group, group(5)
 * @throws LayerhookError IMAGE_INVALID for an unknown name or an id out of range
 */
export function resolveUser(user: string, passwd: string | undefined, group: string | undefined): ExecUser {
  const [name = '', groupName = ''] = user.trim().split(':');
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
    throw invalid(user, `/etc/passwd has no user ${name}`);
  } else {
    resolved.uid = checkID(user, String(wanted));
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
  if (wanted !== undefined) return checkID(user, String(wanted));
  const entry = groups.find((fields) => fields[0] === name);
  if (entry === undefined) throw invalid(user, `/etc/group has no group ${name}`);
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

function checkID(user: string, text: string | undefined): number {
  const id = numberOf(text);
  if (id !== undefined && id >= 0 && id <= largestID) return id;
  throw invalid(user, `${text ?? 'nothing'} is no id from 0 to ${largestID}`);
}

function invalid(user: string, reason: string): LayerhookError {
  return new LayerhookError('IMAGE_INVALID', { what: `User ${JSON.stringify(user)} of the image`, reason });
}
