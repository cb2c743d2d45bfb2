import { existsSync } from 'node:fs';

/** Imports a driver that ships with layerhook; undefined if there is none of that name. bundle.js has its own. */
export function shippedDriver(name: string): Promise<{ default?: unknown }> | undefined {
  const file = new URL(`../../drivers/${name}/index.js`, import.meta.url);
  return existsSync(file) ? import(file.href) : undefined;
}
