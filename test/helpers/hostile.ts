import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type ErrorCode, exitStatusOf } from '../../src/errors/index.js';
import { type Finished, layerhook } from './cli.js';
import { errorMessage } from './error-line.js';
import { buildImage, type ImageOptions, type RawLayer } from './image.js';
import { tmpdir } from './tmp.js';
import { diffTrees, type Tree, treeOf } from './tree.js';

/** The place for unpacking hostile images: `bundles/` receives the bundle, `outside/` must not change. */
export interface Arena {
  outside: string;
  bundles: string;
  bundle: string;
  /** `..` components that lead from the rootfs far above the root of the file system */
  up: string;
  /** fails the test if files outside the bundle changed */
  assertUntouched(): void;
}

export interface Outcome extends Finished {
  arena: Arena;
  /** the unpacked tree, or null if the image was refused */
  rootfs: Tree | null;
}

export function arena(t: ExecutionContext<unknown>): Arena {
  const dir = tmpdir(t);
  const outside = join(dir, 'outside');
  const bundles = join(dir, 'bundles');
  mkdirSync(join(outside, 'sub'), { recursive: true });
  mkdirSync(bundles);
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 });
  writeFileSync(join(outside, 'sub/secret'), 'secret', { mode: 0o600 });
  const before = treeOf(outside);
  return {
    outside,
    bundles,
    bundle: join(bundles, 'b'),
    up: '../'.repeat(12),
    assertUntouched() {
      t.deepEqual(diffTrees(before, treeOf(outside)), [], 'a file outside was changed');
      t.deepEqual(readdirSync(dir), ['bundles', 'outside'], 'something appeared outside');
      t.deepEqual(
        readdirSync(bundles).filter((name) => name !== 'b'),
        [],
        'litter beside the bundle',
      );
    },
  };
}

/**
 * Unpacks harmful layers. They may be refused or contained, but must not change files outside. A refusal must be one line
 * and leave no bundle.
 */
export async function unpackHostile(
  t: ExecutionContext<unknown>,
  layers: (arena: Arena) => RawLayer[],
  options: ImageOptions = {},
): Promise<Outcome> {
  const place = arena(t);
  const image = buildImage(t, layers(place), options);
  const finished = await layerhook(['unpack', '--image', image.reference, place.bundle]);
  place.assertUntouched();
  const unpacked = finished.status === 0;
  if (!unpacked) assertOneLine(t, finished);
  t.is(existsSync(place.bundle), unpacked);
  return { ...finished, arena: place, rootfs: unpacked ? treeOf(join(place.bundle, 'rootfs')) : null };
}

/** Requires that the layers are refused with this error. */
export async function assertRefused(
  t: ExecutionContext<unknown>,
  code: ErrorCode,
  layers: (arena: Arena) => RawLayer[],
  options: ImageOptions = {},
): Promise<Outcome> {
  const outcome = await unpackHostile(t, layers, options);
  assertError(t, outcome, code);
  return outcome;
}

/** Requires that a run ended with this error: its exit status, and one line on stderr with its message. */
export function assertError(t: ExecutionContext<unknown>, finished: Finished, code: ErrorCode): void {
  assertOneLine(t, finished);
  const exit = exitStatusOf(code);
  t.is(finished.status, exit, finished.stderr);
  t.regex(finished.stderr, errorMessage(code), code);
}

/** Requires that a run failed: with an exit status, not a signal; one line without a stack trace; nothing on stdout. */
function assertOneLine(t: ExecutionContext<unknown>, { status, signal, stdout, stderr }: Finished): void {
  t.is(signal, null, stderr);
  t.not(status, 0);
  const lines = stderr.split('\n').filter((line) => !line.includes('"level":"info"'));
  t.is(lines.length, 2, `one line on stderr, beside the layers that a log in JSON reports: ${stderr}`);
  t.is(lines[1], '');
  t.notRegex(stderr, /\bat .*:\d+:\d+|node:internal|undefined|\[object/, 'for people, not for developers');
  t.is(stdout, '');
}

/** Returns the sorted names at the top of a tree. */
export function topOf(tree: Tree): string[] {
  return [...tree.keys()].filter((path) => path !== '.' && path === basename(path)).sort();
}
