import { LayerhookError } from '../errors/index.js';
import type { Platform } from './types.js';

const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  ia32: '386',
  i386: '386',
  i686: '386',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
  ppc64el: 'ppc64le',
  mipsel: 'mipsle',
};

/** Returns the platform of this machine with Go's names: `linux` and `amd64`, `arm64`, … */
export function hostPlatform(): Platform {
  const architecture = goArchitectures[process.arch] ?? process.arch;
  const littlePpc = architecture === 'ppc64' && isLittleEndian() ? 'ppc64le' : architecture;
  const variant = hostVariant(architecture);
  return { architecture: littlePpc, os: 'linux', ...(variant !== undefined && { variant }) };
}

/**
 * Parses `OS/ARCHITECTURE[/VARIANT]`; `ARCHITECTURE` alone means linux. Common names of architectures (`x86_64`,
 * `aarch64`) are translated to Go's.
 *
 * @throws LayerhookError PLATFORM_INVALID
 */
export function parsePlatform(value: string): Platform {
  const parts = value.toLowerCase().split('/');
  if (parts.some((part) => !/^[a-z0-9._-]+$/.test(part)) || parts.length > 3)
    throw new LayerhookError('PLATFORM_INVALID', { value });
  const [os, name, variant] = parts.length === 1 ? ['linux', parts[0]!] : parts;
  const architecture = goArchitectures[name!] ?? name!;
  return { os: os!, architecture, ...(variant !== undefined && { variant }) };
}

/** Formats a platform as `os/architecture[/variant]`. */
export function showPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
}

/**
 * Rates how well an image for `offered` runs on `wanted`: higher is better, undefined means that it does not run. On
 * arm and amd64 a lower variant runs too (v6 on v7).
 */
export function platformFit(offered: Platform, wanted: Platform): number | undefined {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return undefined;
  const wantedVariant = variantOf(wanted);
  const offeredVariant = variantOf(offered);
  if (offeredVariant === wantedVariant) return Number.MAX_SAFE_INTEGER;
  const level = Number(/^v(\d+)/.exec(offeredVariant)?.[1] ?? Number.NaN);
  const limit = Number(/^v(\d+)/.exec(wantedVariant)?.[1] ?? Number.NaN);
  return level <= limit ? level : undefined;
}

const defaultVariants: Readonly<Record<string, string>> = { amd64: 'v1', arm: 'v7', arm64: 'v8' };

function variantOf(platform: Platform): string {
  return platform.variant || (defaultVariants[platform.architecture ?? ''] ?? '');
}

function hostVariant(architecture: string): string | undefined {
  if (architecture === 'arm64') return 'v8';
  if (architecture !== 'arm') return undefined;
  const { arm_version: version } = process.config.variables as { arm_version?: string | number };
  return `v${version ?? 7}`;
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
