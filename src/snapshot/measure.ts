import type { Context } from './context.js';
import type { ContentRecord } from './metadata/records.js';
import type { Usage } from './types.js';

/** Whether a content was committed by who did not wait until it was measured. */
export function isUnmeasured({ usage }: ContentRecord): boolean {
  return usage === null;
}

/** What contents take, without those whose directories are gone. @throws LayerhookError SYSTEM */
export async function measureContents(context: Context, contents: string[]): Promise<Map<string, Usage>> {
  const usages = new Map<string, Usage>();
  for (const content of contents) {
    const usage = await measureContent(context, content);
    if (usage !== undefined) usages.set(content, usage);
  }
  return usages;
}

async function measureContent({ directories, trees }: Context, content: string): Promise<Usage | undefined> {
  try {
    return await trees.measure(directories.fs(content));
  } catch (error) {
    // removed meanwhile, or lost
    if (!directories.exists(content)) return undefined;
    throw error;
  }
}
