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

/** Hooks as JSON texts, unchanged from their files. */
export type HookLists = Readonly<Record<HookKind, readonly ByteString[]>>;

export function noHooks(): Record<HookKind, ByteString[]> {
  return Object.fromEntries(hookKinds.map((kind) => [kind, []])) as unknown as Record<HookKind, ByteString[]>;
}

/** The position of added hooks relative to the hooks of config.json. */
export type HookOrder = 'before' | 'after';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes one line of the log. */
export type Log = (level: LogLevel, message: string) => void;
