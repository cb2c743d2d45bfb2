import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { tmpdir } from '../helpers/tmp.js';

/** layerhook-runtime as npm links it. */
export const launcher = `${process.cwd()}/hooks/layerhook-runtime`;

export interface Setup {
  dir: string;
  bundle: string;
  configFile: string;
  hooksFile: string;
  /** the options that oci-add-hooks has, with `runtime` */
  flags(runtime: string): string[];
}

/** A bundle that no runtime could run, and a file with one hook of each of `kinds`. */
export function setUp(
  t: ExecutionContext<unknown>,
  hooks: unknown = { poststop: [{ path: '/bin/true' }] },
): Setup {
  const dir = tmpdir(t);
  const bundle = join(dir, 'bundle');
  const configFile = join(bundle, 'config.json');
  const hooksFile = join(dir, 'hooks.json');
  mkdirSync(bundle);
  writeFileSync(configFile, '{"ociVersion":"1.0.2","process":{"args":["sh"]}}');
  writeFileSync(hooksFile, typeof hooks === 'string' ? hooks : JSON.stringify(hooks));
  const flags = (runtime: string) => ['--hook-config-path', hooksFile, '--runtime-path', runtime];
  return { dir, bundle, configFile, hooksFile, flags };
}
