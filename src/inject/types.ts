import type { ByteString } from '../system/bytes.js';

/** The kinds of hooks, in the order in which a runtime calls them; runtime-spec config.md, "POSIX-platform Hooks". */
export const hookKinds = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

export type HookKind = (typeof hookKinds)[number];

/** Hooks as the JSON text that they were written in. */
export type HookLists = Readonly<Record<HookKind, readonly ByteString[]>>;

export function noHooks(): Record<HookKind, ByteString[]> {
  return {
    prestart: [],
    createRuntime: [],
    createContainer: [],
    startContainer: [],
    poststart: [],
    poststop: [],
  };
}

/** Whether hooks are added before those that config.json has, or after them. */
export type HookOrder = 'before' | 'after';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes one line of the log. */
export type Log = (level: LogLevel, message: string) => void;
