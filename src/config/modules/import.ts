import nodeModule, { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../../places.js';
import { lookupSpecifier, resolveSync } from './resolve.js';

/** A module of the operator. */
export interface ModuleName {
  /** absolute path, or the name of a package */
  name: string;
  /** directories to look a package up from, before the working directory and this package */
  from?: readonly string[];
}

/**
 * Imports a module of the operator. It can import `layerhook` wherever it lies: its own copy if it has one, else this one.
 *
 * @throws what node throws; explain-import.ts has it in words
 */
export function importModule({ name, from = [] }: ModuleName): Promise<{ default?: unknown }> {
  registerResolve();
  return import(isPath(name) ? pathToFileURL(name).href : lookupSpecifier({ name, from: places(from) }));
}

/** Imports the API of this package, as the module `layerhook` that modules of the operator import. It takes 110 ms of processor time. */
export function importApi(): Promise<unknown> {
  return import(pathToFileURL(createRequire(packageFile).resolve('layerhook')).href);
}

export function isPath(name: string): boolean {
  return /^[./]/.test(name);
}

/** Returns the URLs of a file in each place that packages are looked up from. */
function places(from: readonly string[]): string[] {
  const directories = [...from, process.cwd()].map(
    (directory) => pathToFileURL(join(resolve(directory), 'x')).href,
  );
  return [...directories, packageFile.href];
}

let isRegistered = false;

/**
 * Registers the resolve hook, once. registerHooks (node 22.15 and later) takes no time; register starts a thread of node's
 * loader, which takes 40 ms of processor time.
 */
function registerResolve(): void {
  if (isRegistered) return;
  isRegistered = true;
  const self = packageFile.href;
  const { registerHooks, register } = nodeModule as unknown as Registering;
  if (registerHooks !== undefined)
    registerHooks({ resolve: (specifier, context, next) => resolveSync(specifier, context, next, self) });
  else register(new URL('dist/src/config/modules/resolve.js', packageFile), { data: self });
}

/** The functions of node:module, which the types of node 20 lack. */
interface Registering {
  registerHooks?: (hooks: {
    resolve: (specifier: string, context: object, next: Parameters<typeof resolveSync>[2]) => unknown;
  }) => void;
  register: (file: URL, options: { data: string }) => void;
}
