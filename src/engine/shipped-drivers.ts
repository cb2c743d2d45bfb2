import { existsSync } from 'node:fs';

/** True if layerhook ships a driver of this name. In the bundle, build.js puts its own list in this file's place. */
export function isShippedDriver(name: string): boolean {
  return existsSync(fileOf(name));
}

/** Imports a driver that ships with layerhook. */
export function shippedDriver(name: string): Promise<{ default?: unknown }> {
  return import(fileOf(name).href);
}

function fileOf(name: string): URL {
  return new URL(`../../drivers/${name}/index.js`, import.meta.url);
}
