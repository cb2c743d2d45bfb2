import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Index, Manifest } from '../../src/image/types.js';
import { mainFile } from '../helpers/cli.js';

export const tools = { layerhook: [process.execPath, mainFile], umoci: ['umoci'] } as const;
export type Tool = keyof typeof tools;

const { BENCH_DIR = existsSync('/dev/shm') ? '/dev/shm' : tmpdir() } = process.env;
/** Everything is made in here; whoever runs the bench removes it. */
export const scratch = mkdtempSync(join(BENCH_DIR, 'layerhook-bench-'));
export const layout = join(scratch, 'layout');
export const bundle = join(scratch, 'bundle');

// with this variable node reads all certificates of the system before it does anything else: 60 ms that few users have
const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
export const env = { ...rest, XDG_CONFIG_HOME: '/nonexistent', LAYERHOOK_STORE: join(scratch, 'store') };

/** Runs a tool to its end; its output matters only where it fails. */
export function call(tool: Tool, ...args: string[]): void {
  const [file, ...before] = tools[tool];
  execFileSync(file, [...before, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Files of the blobs of an image's layers, the lowest first. */
export function layerFiles(tag: string): string[] {
  const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const { manifests } = read(join(layout, 'index.json')) as Index;
  const manifest = manifests.find((one) => one.annotations?.['org.opencontainers.image.ref.name'] === tag)!;
  return (read(blob(manifest.digest)) as Manifest).layers.map(({ digest }) => blob(digest));
}
