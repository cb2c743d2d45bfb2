import { type Change, LayerhookError } from 'layerhook';
import {
  AT_FDCWD,
  type ByteString,
  fchmodat,
  fchownat,
  fromText,
  getXattr,
  linkat,
  mkdirat,
  mknodat,
  S,
  StatBuffer,
  SystemError,
  setXattr,
  showBytes,
  statAt,
  utimensat,
} from 'layerhook/system';
import { LowerStack } from './lower.js';
import { isMark, namesOf, type OverlayFormat } from './marks.js';
import { upperdirChanges } from './upperdir.js';

export interface CarryPlaces {
  /** the upperdir as it was */
  upperdir: string;
  /** the new upperdir: empty */
  to: string;
  /** directories of the layers below the new one, highest first */
  lowerdirs: readonly string[];
}

/**
 * Makes in a new upperdir what an old one has and the new layers have not: what was masked when the layer was made, left
 * out by a hook, or written since. Files are linked, not copied: the old upperdir stays as it is.
 *
 * @param packed what the highest layer was made of
 * @returns how many changes were carried over
 * @throws LayerhookError BUNDLE_INVALID for what cannot be, NO_SPACE, SYSTEM
 */
export async function carryOver(
  places: CarryPlaces,
  packed: readonly Change[],
  format: OverlayFormat,
): Promise<number> {
  const inLayer = withAncestors(packed);
  const { upperdir, lowerdirs } = places;
  const { changes } = await upperdirChanges({ upperdir, lowerdirs, format, packed: inLayer });
  const carrier = new Carrier(places, format);
  let count = 0;
  for (const change of changes) if (carrier.carry(change, inLayer)) count++;
  carrier.restoreTimes();
  return count;
}

class Carrier {
  readonly #from: ByteString;
  readonly #to: ByteString;
  readonly #lower: LowerStack;
  readonly #format: OverlayFormat;
  readonly #stat = new StatBuffer();
  /** directories that were made, with what has their times */
  readonly #made = new Map<ByteString, ByteString>();

  constructor({ upperdir, to, lowerdirs }: CarryPlaces, format: OverlayFormat) {
    this.#from = fromText(upperdir);
    this.#to = fromText(to);
    this.#format = format;
    this.#lower = LowerStack.open(lowerdirs, format);
  }

  /** @returns false for what need not be carried */
  carry({ path, kind }: Change, inLayer: ReadonlySet<ByteString>): boolean {
    const from = `${this.#from}/${path}`;
    if (kind === 'delete') {
      this.#makeParent(path);
      mknodat(AT_FDCWD, `${this.#to}/${path}`, S.IFCHR, 0, 0);
      return true;
    }
    if (!statAt(AT_FDCWD, from, this.#stat)) throw elsewhere(path);
    // no layer can hold them; who has them open makes them again
    if (this.#stat.type === S.IFSOCK && inLayer.has(path)) return false;
    this.#makeParent(path);
    if (this.#stat.isDirectory) this.#makeDirectory(path, from);
    else linkat(AT_FDCWD, from, AT_FDCWD, `${this.#to}/${path}`);
    return true;
  }

  /** Gives directories their times back, when nothing is made in them any more. */
  restoreTimes(): void {
    const top = this.#lower.top;
    if (top !== undefined && !this.#made.has('.')) this.#made.set('.', top);
    for (const [path, like] of this.#made) {
      if (!statAt(AT_FDCWD, `${like}/.`, this.#stat)) continue;
      const { mtimeSec, mtimeNsec } = this.#stat;
      utimensat(AT_FDCWD, `${this.#to}/${path}`, mtimeSec, mtimeNsec, mtimeSec, mtimeNsec);
    }
  }

  #makeDirectory(path: ByteString, like: ByteString): void {
    if (path !== '.') mkdirat(AT_FDCWD, `${this.#to}/${path}`, 0o700);
    copyAttributes(like, `${this.#to}/${path}`, this.#format);
    this.#made.set(path, like);
  }

  /** Makes the directories above a path, as the layers have them. */
  #makeParent(path: ByteString): void {
    let directory: LowerStack | null = this.#lower;
    for (const above of ancestorsOf(path)) {
      const found: ReturnType<LowerStack['find']> =
        directory?.find(above.slice(above.lastIndexOf('/') + 1)) ?? null;
      directory = found?.directory ?? null;
      if (this.#made.has(above)) continue;
      if (found === null || directory === null) throw elsewhere(above);
      this.#makeDirectory(above, found.path);
    }
  }
}

function copyAttributes(from: ByteString, to: ByteString, format: OverlayFormat): void {
  const stat = new StatBuffer();
  if (!statAt(AT_FDCWD, `${from}/.`, stat)) throw new SystemError('ENOENT', 'statx', from);
  fchownat(AT_FDCWD, to, stat.uid, stat.gid);
  fchmodat(AT_FDCWD, to, stat.mode);
  for (const name of namesOf(from)) {
    const value = isMark(name, format) ? undefined : getXattr(from, name);
    if (value !== undefined) setXattr(to, name, value);
  }
}

/** Directories above what is in a layer are in it too. */
function withAncestors(changes: readonly Change[]): Set<ByteString> {
  const paths = new Set<ByteString>();
  for (const { path } of changes) {
    paths.add(path);
    for (const above of ancestorsOf(path)) paths.add(above);
  }
  return paths;
}

/** The directories above a path, highest first, without the root. */
function ancestorsOf(path: ByteString): ByteString[] {
  const found: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    found.push(path.slice(0, slash));
  }
  return found;
}

/** Only a foreign overlay has it by reference to a layer. */
function elsewhere(path: ByteString): LayerhookError {
  const reason = `${showBytes(path)} is not in the layer, and not in the upperdir: another overlayfs renamed what is above it`;
  return new LayerhookError('BUNDLE_INVALID', { path: '/', reason });
}
