import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';

/**
 * True if all requirements of a test are met: `root`, `loop-btrfs` (the kernel can mount a btrfs in a file), `libisal2`, or
 * programs by name (on PATH, or absolute paths).
 *
 * If a requirement is missing, the test passes with a logged reason, which the test runner counts as skipped. With
 * LAYERHOOK_REQUIRE_PEERS=1 (as in CI) the test fails instead, except for programs that Debian lacks ({@link notInDebian}).
 *
 * @example if (!requires(t, 'root', 'umoci')) return;
 */
export function requires(t: ExecutionContext<unknown>, ...needs: string[]): boolean {
  const missing = needs.filter((need) => !isHere(need));
  if (missing.length === 0) return true;
  const reason = `needs ${missing.join(', ')}`;
  const mustBeHere = missing.some((need) => !notInDebian.includes(need));
  if (mustBeHere && process.env.LAYERHOOK_REQUIRE_PEERS === '1') t.fail(reason);
  else {
    t.log(`SKIPPED: ${reason}`);
    t.pass();
  }
  return false;
}

/** Peers that `.ci/run` builds if the machine has a Go compiler. */
const notInDebian = ['crane'];

const isKnown = new Map<string, boolean>();

/** Looks once for each requirement of a file: a search takes 4 ms of CPU, and most tests search. */
function isHere(need: string): boolean {
  const known = isKnown.get(need) ?? look(need);
  isKnown.set(need, known);
  return known;
}

function look(need: string): boolean {
  if (need === 'root') return process.getuid?.() === 0;
  if (need === 'loop-btrfs') return existsSync('/dev/loop-control') && hasBtrfs();
  if (need === 'libisal2') return spawnSync('sh', ['-c', 'ldconfig -p | grep -q libisal.so.2']).status === 0;
  return hasProgram(need);
}

function hasBtrfs(): boolean {
  const isListed = () => /\tbtrfs$/m.test(readFileSync('/proc/filesystems', 'utf8'));
  return isListed() || (spawnSync('modprobe', ['btrfs']).status === 0 && isListed());
}

function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', name]).status === 0;
}
