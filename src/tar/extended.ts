import type { ByteString } from '../system/bytes.js';
import type { EntryPrelude } from './entry.js';
import { noRecords } from './pax.js';

/** Type flags of extended headers, which stand before an entry's own header; pax(1), tar(5). */
export const extended = { pax: 0x78, paxGlobal: 0x67, longName: 0x4c, longLink: 0x4b } as const;

/** True for the type flag of an extended header. */
export function isExtended(flag: number): boolean {
  return (Object.values(extended) as number[]).includes(flag);
}

/** Returns the prelude of an entry without extended headers. */
export function emptyPrelude(): EntryPrelude {
  return { pax: noRecords, global: noRecords, longName: '', longLink: '' };
}

/** Returns the text of a GNU long name. */
export function untilNul(data: Buffer): ByteString {
  const end = data.indexOf(0);
  return data.toString('latin1', 0, end < 0 ? data.length : end);
}
