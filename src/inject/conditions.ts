import type { LayerhookError } from '../errors/index.js';
import { isObject } from '../text/is-object.js';
import { utf8 } from '../text/json-bytes.js';
import type { Container } from './container.js';
import { goRegExp } from './go-regexp.js';

/** `when` of a hook file; oci-hooks(5). */
export interface Conditions {
  always: boolean | undefined;
  /** regular expressions for a key and its value */
  annotations: [key: RegExp, value: RegExp][];
  commands: RegExp[];
  hasBindMounts: boolean | undefined;
  /** True if one met condition is enough. */
  or: boolean;
}

const known = ['always', 'annotations', 'commands', 'hasBindMounts', 'or'];

/**
 * Checks the `when` of a hook file.
 *
 * @throws the error that `fail` returns for the reason
 */
export function checkConditions(when: unknown, fail: (reason: string) => LayerhookError): Conditions {
  if (!isObject(when)) throw fail('it lacks when');
  const unknown = Object.keys(when).find((key) => !known.includes(key));
  if (unknown !== undefined) throw fail(`its when has the unknown condition ${JSON.stringify(unknown)}`);
  const { always, annotations, commands, hasBindMounts, or } = when;
  const boolean = (name: string, value: unknown) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'boolean') throw fail(`its when.${name} is not a boolean`);
    return value;
  };
  const expression = (value: unknown) => {
    if (typeof value !== 'string')
      throw fail(`its when has ${JSON.stringify(value)} instead of a regular expression`);
    try {
      return goRegExp(utf8(value));
    } catch {
      throw fail(`its when has the malformed regular expression ${JSON.stringify(value)}`);
    }
  };
  if (annotations !== undefined && (typeof annotations !== 'object' || Array.isArray(annotations))) {
    throw fail('its when.annotations is not an object');
  }
  if (commands !== undefined && commands !== null && !Array.isArray(commands)) {
    throw fail('its when.commands is not a list');
  }
  return {
    always: boolean('always', always),
    annotations: Object.entries(annotations ?? {}).map(([key, value]) => [
      expression(key),
      expression(value),
    ]),
    commands: (commands ?? []).map(expression),
    hasBindMounts: boolean('hasBindMounts', hasBindMounts),
    or: boolean('or', or) ?? false,
  };
}

/** True if a container gets a hook: it meets all given conditions, or with `or` one of them. */
export function matches(when: Conditions, container: Container): boolean {
  const met = [
    ...(when.always === undefined ? [] : [when.always]),
    ...(when.hasBindMounts === undefined ? [] : [when.hasBindMounts && container.hasBindMounts]),
    ...when.annotations.map(([key, value]) => hasAnnotation(container, key, value)),
    ...(when.commands.length === 0 ? [] : [when.commands.some((command) => isCommand(container, command))]),
  ];
  return when.or ? met.some(Boolean) : met.length > 0 && met.every(Boolean);
}

function hasAnnotation({ annotations }: Container, key: RegExp, value: RegExp): boolean {
  return [...annotations].some(([name, text]) => key.test(name) && value.test(text));
}

function isCommand({ command }: Container, expression: RegExp): boolean {
  return command !== undefined && expression.test(command);
}
