import { readFileSync } from 'node:fs';

/** Numbers of capabilities; linux/capability.h. */
export const CAP = { DAC_OVERRIDE: 1n, SYS_ADMIN: 21n } as const;

/** True if this process has a capability in its user namespace; capabilities(7). Without /proc: true for root. */
export function hasCapability(number: bigint): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
    return ((BigInt(`0x${effective}`) >> number) & 1n) === 1n;
  } catch {
    return process.geteuid?.() === 0;
  }
}
