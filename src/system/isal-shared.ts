import koffi from 'koffi';
import { bindIsal, type RawInflate } from './isal.js';

let inflate: RawInflate | null | undefined;

/** Returns the one inflater of this thread, for one stream at a time; null as {@link bindIsal}. */
export function sharedInflate(): RawInflate | null {
  if (inflate === undefined) inflate = bindIsal(koffi)?.() ?? null;
  return inflate;
}
