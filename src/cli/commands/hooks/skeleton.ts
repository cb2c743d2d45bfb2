import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isShippedDriver } from '../../../engine/shipped-drivers.js';
import { fsError } from '../../../errors/fs-error.js';
import { packageFile, skeletons } from '../../../places.js';
import type { PointName } from '../../../points/points.js';
import { makeWhole } from '../../../system/temporary.js';
import { usageError } from '../../args/usage.js';

export const languages = ['sh', 'py', 'mjs', 'ts'] as const;
export type Language = (typeof languages)[number];

export interface Skeleton {
  /** absolute path of a directory, which must not exist */
  directory: string;
  name: string;
  kind: 'driver' | 'hook';
  lang: Language;
}

export function isLanguage(lang: string): lang is Language {
  return (languages as readonly string[]).includes(lang);
}

const command = 'layerhook hooks new';
/** The points that the skeletons handle. */
const points: Readonly<Record<Skeleton['kind'], PointName[]>> = {
  driver: ['unpack.ociv1.layer.try-skip', 'unpack.ociv1.layer.post-extract', 'repack.ociv1.layer.delta-list'],
  hook: ['unpack.ociv1.layer.post-extract', 'unpack.ociv1.bundle.config'],
};
/** PATH of programs that layerhook runs, behind the directory of node: docs/hook-protocol.md, "Environment". */
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const root = fileURLToPath(new URL('.', packageFile));

/**
 * Writes a skeleton: the code, a hooks.toml that names it, a test, and a link by which the test finds this installation.
 *
 * @returns the names of the files
 * @throws LayerhookError USAGE for a bad name or an existing directory; NO_SPACE, SYSTEM
 */
export async function writeSkeleton(skeleton: Skeleton): Promise<string[]> {
  const { directory, name, kind, lang } = skeleton;
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.length > 64)
    throw usageError(
      `the name ${name} must have small letters, digits and -, and begin with a letter`,
      command,
    );
  if (kind === 'driver' && isShippedDriver(name))
    throw usageError(`${name} is the name of a shipped driver`, command);
  const files: Record<string, string> = {
    [`${name}.${lang}`]: filledIn(`${kind}.${lang}`, name),
    [`${name}.test.mjs`]: filledIn(`${kind}.test.mjs`, name),
    'hooks.toml': hooksToml(skeleton),
    ...(lang === 'ts' && { 'package.json': packageJson(name), 'tsconfig.json': tsconfig(name) }),
  };
  try {
    if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined)
      throw usageError(`${directory} already exists`, command);
    await makeWhole(directory, 'directory', (fd) => fill(`/proc/self/fd/${fd}`, files));
  } catch (error) {
    throw fsError(error, `writing ${directory}`);
  }
  return Object.keys(files);
}

function fill(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [file, content] of Object.entries(files)) {
    const mode = content.startsWith('#!') ? 0o755 : 0o644;
    writeFileSync(join(directory, file), content, { mode, flush: true });
  }
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(root, join(directory, 'node_modules/layerhook'));
}

function filledIn(template: string, name: string): string {
  return readFileSync(new URL(template, skeletons), 'utf8').replaceAll('NAME', name);
}

function hooksToml(skeleton: Skeleton): string {
  const { directory, name, kind, lang } = skeleton;
  const isProgram = lang === 'sh' || lang === 'py';
  const module = `./${name}.${lang === 'ts' ? 'js' : lang}`;
  const exec = `exec = [${JSON.stringify(join(directory, `${name}.${lang}`))}]`;
  const own = points[kind].map((point) => `  ${JSON.stringify(point)},\n`).join('');
  if (kind === 'driver' && !isProgram) return `[driver]\nname = ${JSON.stringify(module)}\n`;
  if (kind === 'driver') {
    const env = [
      `LAYERHOOK=${join(root, 'dist/bundle/main.cjs')}`,
      `PATH=${dirname(process.execPath)}:${systemPath}`,
    ];
    const lines = env.map((value) => `  ${JSON.stringify(value)},\n`).join('');
    return `[driver]\nname = "${name}"\n${exec}\npoints = [\n${own}]\nenv = [\n${lines}]\n`;
  }
  if (!isProgram) return `[[hook]]\nname = "${name}"\nmodule = ${JSON.stringify(module)}\n`;
  return `[[hook]]\nname = "${name}"\npoint = [\n${own}]\n${exec}\n`;
}

function packageJson(name: string): string {
  return json({
    name,
    private: true,
    type: 'module',
    scripts: { test: 'tsc && node --test' },
    devDependencies: { '@types/node': '>=20', layerhook: `file:${root}`, typescript: '>=5.9' },
  });
}

function tsconfig(name: string): string {
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  };
  return json({ compilerOptions, files: [`${name}.ts`] });
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
