/** Hooks that must not compile. `tsc` fails where a line below an expected error has none: this file needs no run. */
import {
  type Driver,
  declined,
  type ErrorCode,
  type HookSet,
  type Hooks,
  LayerhookError,
  type PreExtractResult,
  type ProgressEvent,
  type UnpackOptions,
} from '../../src/index.js';

const target = '/t';

export const right: PreExtractResult[] = [
  { into: 'rootfs' },
  { into: 'rootfs', target },
  { into: 'directory', target, whiteouts: 'overlay' },
  { into: 'directory', target, whiteouts: 'overlay', overlayXattr: 'user', mtree: true },
  { into: 'tar', target },
  { into: 'tar', target, timeout: 5 },
  { into: 'command', argv: ['sqfstar', '/l.sqfs'] },
  { into: 'command', argv: ['sqfstar', '/l.sqfs'], target: '/l.sqfs', timeout: 0 },
];

export const wrong: PreExtractResult[] = [
  // @ts-expect-error without `into`
  { target },
  // @ts-expect-error an unknown form
  { into: 'squashfs', target },
  // @ts-expect-error a tar needs a target
  { into: 'tar' },
  // @ts-expect-error a tar is not extracted, so whiteouts do not apply
  { into: 'tar', target, whiteouts: 'overlay' },
  // @ts-expect-error a tar goes to no program
  { into: 'tar', target, argv: ['sqfstar'] },
  // @ts-expect-error a command needs a program
  { into: 'command', argv: [] },
  // @ts-expect-error a command is a list of words
  { into: 'command', argv: 'sqfstar /l.sqfs' },
  // @ts-expect-error a command needs argv
  { into: 'command', target },
  // @ts-expect-error only a layer on its own has an mtree manifest
  { into: 'command', argv: ['sqfstar'], mtree: true },
  // @ts-expect-error a directory needs a target
  { into: 'directory', whiteouts: 'overlay' },
  // @ts-expect-error a directory needs a form of whiteouts
  { into: 'directory', target },
  // @ts-expect-error an unknown form of whiteouts
  { into: 'directory', target, whiteouts: 'oci' },
  // @ts-expect-error layers that share a directory have no whiteouts on disk
  { into: 'rootfs', target, whiteouts: 'overlay' },
  // @ts-expect-error only a layer on its own has an mtree manifest
  { into: 'rootfs', mtree: true },
];

export const hooks: Hooks = {
  // @ts-expect-error an unknown point
  'unpack.ociv1.layer.before-extract': () => {},
};

export const results: Hooks = {
  // @ts-expect-error the result lacks `skip`
  'unpack.ociv1.layer.try-skip': () => ({}),
  // @ts-expect-error the result is the spec
  'unpack.ociv1.bundle.config': () => true,
  // @ts-expect-error the result is a stream of changes
  'repack.ociv1.layer.delta-list': () => ['etc/hosts'],
  // @ts-expect-error the context has no such field
  'unpack.ociv1.bundle.assemble': ({ target: missing }) => missing,
};

// @ts-expect-error hooks need a name
export const unnamed: HookSet = { hooks: {} };
// @ts-expect-error hooks come in named sets
export const bare: Pick<UnpackOptions, 'hooks'> = { hooks: { 'unpack.ociv1.bundle.assemble': () => {} } };
// @ts-expect-error a driver needs a name
export const driver: Driver = { hooks: {} };
// @ts-expect-error an unknown phase
export const phase: ProgressEvent = { type: 'phase', name: 'thinking' };

export const declining: Hooks = {
  'unpack.ociv1.layer.try-skip': async ({ index }) => (index === 0 ? { skip: true } : declined),
  'unpack.ociv1.layer.post-extract': async () => declined,
  'unpack.ociv1.bundle.assemble': () => declined,
  // @ts-expect-error another symbol is not `declined`
  'unpack.ociv1.bundle.config': async () => Symbol('declined'),
};

export function codeOf(error: unknown): ErrorCode | undefined {
  if (!(error instanceof LayerhookError)) return undefined;
  // @ts-expect-error an unknown code
  if (error.code === 'NONE') return undefined;
  return error.code;
}
