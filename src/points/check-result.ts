import type { ResultField } from './fields.js';
import type { PointName, PointResult } from './points.js';
import { pointRow, type ResultForm } from './table.js';
import { typeWords } from './words.js';

/** A hook gave what its point does not take; the dispatcher makes HOOK_RESULT of it. */
export class BadResult extends Error {}

type Fields = Readonly<Record<string, ResultField>>;

/**
 * Checks what a hook gave at a point that is not a stream (delta.ts has those): nothing where nothing is taken,
 * each required key, no unknown key, each value of its type, absolute paths.
 *
 * @throws BadResult saying what was expected and what came
 */
export function checkResult<P extends PointName>(point: P, value: unknown): PointResult<P> {
  const { result } = pointRow(point);
  switch (result.form) {
    case 'none':
      if (value !== undefined) throw new BadResult(`expected nothing, got ${show(value)}`);
      return undefined as PointResult<P>;
    case 'whole':
      checkSpec(value);
      return value as PointResult<P>;
    case 'object':
      checkFields(result.fields, value);
      return value as PointResult<P>;
    case 'union':
      checkUnion(result.by, result.forms, value);
      return value as PointResult<P>;
    case 'stream':
      throw new TypeError(`${point} gives a stream`);
  }
}

/** Checks an object against its fields. */
function checkFields(fields: Fields, value: unknown): asserts value is Record<string, unknown> {
  if (!typeWords.object.accepts?.(value))
    throw new BadResult(`expected ${shape(fields)}, got ${show(value)}`);
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object)) {
    if (!Object.hasOwn(fields, key)) throw new BadResult(`unknown key ${key}: expected ${shape(fields)}`);
  }
  for (const [key, field] of Object.entries(fields)) {
    const found = object[key];
    if (found === undefined && !field.required) continue;
    const { accepts, says } = typeWords[field.type];
    if (!accepts?.(found))
      throw new BadResult(`${key}: expected ${says.replaceAll('`', '')}, got ${show(found)}`);
  }
}

/** Returns a short text of any value, for a message. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // a cycle or a BigInt
  }
  text ??= String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function checkSpec(value: unknown): void {
  const isSpec =
    typeWords.object.accepts?.(value) && typeof (value as { ociVersion?: unknown }).ociVersion === 'string';
  if (!isSpec) throw new BadResult(`expected the whole spec, with ociVersion, got ${show(value)}`);
}

/** Checks an object whose key `by` names the form that it has. */
function checkUnion(by: string, forms: Readonly<Record<string, ResultForm>>, value: unknown): void {
  const isObject = typeWords.object.accepts?.(value);
  const { [by]: chosen, ...others } = (isObject ? value : {}) as Record<string, unknown>;
  const form = typeof chosen === 'string' && Object.hasOwn(forms, chosen) ? forms[chosen] : undefined;
  if (form === undefined) {
    const names = Object.keys(forms).map(show).join(' or ');
    throw new BadResult(`expected an object with ${by}: ${names}, got ${show(value)}`);
  }
  try {
    checkFields(form.fields, others);
  } catch (error) {
    throw new BadResult(`${by}: ${show(chosen)}: ${(error as Error).message}`);
  }
}

function shape(fields: Fields): string {
  const keys = Object.entries(fields).map(([key, { required }]) => (required ? key : `${key}?`));
  return `an object {${keys.join(', ')}}`;
}
