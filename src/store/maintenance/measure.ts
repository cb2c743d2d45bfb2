import type { Context } from '../context/context.js';
import type { ContentRecord } from '../metadata/record-types.js';
import type { Usage } from '../types.js';

/** True if a content was committed without waiting for its measurement. */
export function isUnmeasured({ usage }: ContentRecord): boolean {
  return usage === null;
}

/** Returns the usage of contents; contents with a missing directory are left out. @throws LayerhookError SYSTEM */
export async function measureContents(
  { trees, directories }: Context,
  contents: string[],
): Promise<Map<string, Usage>> {
  if (contents.length === 0) return new Map();
  const usages = await trees.measureAll(contents.map((content) => directories.fs(content)));
  const all = contents.map((content, at) => [content, usages[at]] as const);
  return new Map(all.filter((entry): entry is [string, Usage] => entry[1] !== null));
}
