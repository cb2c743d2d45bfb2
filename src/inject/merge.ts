import { basename } from 'node:path';
import { LayerhookError } from '../errors/index.js';
import type { ByteString } from '../system/bytes.js';
import { isObject } from '../text/is-object.js';
import { parseJson } from '../text/json-bytes.js';
import {
  applyEdits,
  type Edit,
  elements,
  insertion,
  isArrayAt,
  isObjectAt,
  type Member,
  members,
  type Span,
  slice,
  valueAt,
} from '../text/json-edit.js';
import { type HookKind, type HookLists, type HookOrder, hookKinds } from './types.js';

/** The annotation with the number of added hooks of each kind, such as `prestart=1 poststop=2`. */
export const hooksAnnotation = 'org.layerhook.runtime.hooks';

/** A prestart hook of this name means that container-hooks-toolkit has already added hooks. */
const markerHook = 'container-hooks';

/**
 * Adds hooks to a config.json. The rest of the text is unchanged, byte for byte.
 *
 * Hooks are added once. A hook with the same content in the same list is skipped; `prestart` and `createRuntime` count
 * as one list, since runtimes call both at the same moment. Nothing is added if the config has a prestart hook whose
 * file is named `container-hooks`. runtime-spec config.md, "POSIX-platform Hooks".
 *
 * @param text the config.json
 * @param file its path, for errors
 * @returns the new text, or undefined if all hooks are present
 * @throws LayerhookError RUNTIME_SPEC
 */
export function addHooks(
  text: ByteString,
  added: HookLists,
  { file, order }: { file: string; order: HookOrder },
): ByteString | undefined {
  const root = readRoot(text, file);
  const hooks = readObject(text, root, 'hooks', file);
  const lists = new Map(hookKinds.map((kind) => [kind, readList(text, hooks, kind, file)] as const));
  const present = new Map([...lists].map(([kind, list]) => [kind, fingerprints(text, list)] as const));
  if (hasMarker(text, lists.get('prestart'))) return undefined;

  const missing = hookKinds
    .map((kind) => ({ kind, items: added[kind].filter((hook) => !isPresent(present, kind, hook)) }))
    .filter(({ items }) => items.length > 0);
  if (missing.length === 0) return undefined;

  const counts = missing.map(({ kind, items }) => `${kind}=${items.length}`).join(' ');
  const annotation: ByteString = JSON.stringify(counts);
  const annotations = readObject(text, root, 'annotations', file);
  const settings = missing.map(({ kind, items }): Setting => {
    return { key: kind, value: `[${items.join(',')}]`, ...addTo(text, lists.get(kind), items, order) };
  });
  const changes = [
    setMembers(text, 'hooks', hooks, settings),
    setMembers(text, 'annotations', annotations, [
      { key: hooksAnnotation, value: annotation, ...replace(text, annotations, hooksAnnotation, annotation) },
    ]),
  ];
  const made = changes.flatMap(({ member: whole }) => whole ?? []);
  const rootEdit = made.length === 0 ? [] : [insertion(text, root, made, 'end')];
  return applyEdits(text, [...changes.flatMap(({ edits }) => edits), ...rootEdit]);
}

/** A member to set. Without `edit`, which changes an existing member, a new member is added. */
interface Setting {
  key: string;
  value: ByteString;
  edit?: Edit;
}

/** Returns the edits that set members of an object of the root; if the object is missing, it is the result's `member`. */
function setMembers(
  text: ByteString,
  name: string,
  object: Member | undefined,
  settings: readonly Setting[],
): { edits: Edit[]; member?: ByteString } {
  const made = settings.filter(({ edit }) => edit === undefined).map(member);
  const edits = settings.flatMap(({ edit }) => edit ?? []);
  if (made.length === 0) return { edits };
  if (object !== undefined && isObjectAt(text, object.value)) {
    return { edits: [...edits, insertion(text, object.value, made, 'end')] };
  }
  const whole = `{${made.join(',')}}`;
  if (object !== undefined) return { edits: [{ ...object.value, by: whole }] };
  return { edits, member: member({ key: name, value: whole }) };
}

function member({ key, value }: Setting): ByteString {
  return `${JSON.stringify(key)}:${value}`;
}

/** Returns the edit that adds hooks to an existing list. */
function addTo(
  text: ByteString,
  list: Member | undefined,
  items: readonly ByteString[],
  order: HookOrder,
): { edit?: Edit } {
  if (list === undefined) return {};
  if (!isArrayAt(text, list.value)) return { edit: { ...list.value, by: `[${items.join(',')}]` } };
  return { edit: insertion(text, list.value, items, order === 'before' ? 'start' : 'end') };
}

function replace(text: ByteString, object: Member | undefined, key: string, by: ByteString): { edit?: Edit } {
  if (object === undefined || !isObjectAt(text, object.value)) return {};
  const found = members(text, object.value).findLast((each) => each.key === key);
  return found === undefined ? {} : { edit: { ...found.value, by } };
}

function isPresent(
  present: ReadonlyMap<HookKind, ReadonlySet<string>>,
  kind: HookKind,
  hook: ByteString,
): boolean {
  const print = fingerprint(hook);
  const kinds: HookKind[] =
    kind === 'prestart' || kind === 'createRuntime' ? ['prestart', 'createRuntime'] : [kind];
  return kinds.some((each) => present.get(each)?.has(print));
}

function fingerprints(text: ByteString, list: Member | undefined): Set<string> {
  if (list === undefined || !isArrayAt(text, list.value)) return new Set();
  return new Set(elements(text, list.value).map((span) => fingerprint(slice(text, span))));
}

/** Returns a string that is equal for hooks that differ only in white space and the order of their members. */
function fingerprint(hook: ByteString): string {
  return JSON.stringify(JSON.parse(hook), (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function hasMarker(text: ByteString, prestart: Member | undefined): boolean {
  if (prestart === undefined || !isArrayAt(text, prestart.value)) return false;
  return elements(text, prestart.value).some((span) => {
    const hook = JSON.parse(slice(text, span)) as { path?: unknown } | null;
    return typeof hook?.path === 'string' && basename(hook.path) === markerHook;
  });
}

function readRoot(text: ByteString, file: string): Span {
  const value = parseJson(text, (reason) => invalid(file, reason));
  if (!isObject(value)) throw invalid(file, 'it is not a JSON object');
  return valueAt(text);
}

/** Returns a member of the root, which must be an object or null; undefined if it is missing. */
function readObject(text: ByteString, root: Span, key: string, file: string): Member | undefined {
  const found = only(text, root, key, file);
  if (found === undefined || isObjectAt(text, found.value) || slice(text, found.value) === 'null')
    return found;
  throw invalid(file, `its ${key} is not an object`);
}

function readList(text: ByteString, hooks: Member | undefined, kind: HookKind, file: string) {
  if (hooks === undefined || !isObjectAt(text, hooks.value)) return undefined;
  const found = only(text, hooks.value, kind, file);
  if (found === undefined || isArrayAt(text, found.value) || slice(text, found.value) === 'null')
    return found;
  throw invalid(file, `its hooks.${kind} is not a list`);
}

/** Returns the only member of a name. Two members of one name are an error: some readers use the first, some the last. */
function only(text: ByteString, object: Span, key: string, file: string): Member | undefined {
  const found = members(text, object).filter((each) => each.key === key);
  if (found.length > 1) throw invalid(file, `it has ${key} twice`);
  return found[0];
}

function invalid(file: string, reason: string): LayerhookError {
  return new LayerhookError('RUNTIME_SPEC', { file, reason });
}
