import { existsSync } from 'node:fs';

/** Imports a shipped driver; undefined if none has that name. In the bundle, build.js puts the drivers in its place. */
export function shippedDriver(name: string): Promise<{ default?: unknown }> | undefined {
  const file = new URL(`../../drivers/${name}/index.js`, import.meta.url);
  return existsSync(file) ? import(file.href) : undefined;
}
