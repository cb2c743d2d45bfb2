import { createRequire } from 'node:module';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';

const { forbidden, options } = createRequire(import.meta.url)('../../../.dependency-cruiser.cjs');

/**
 * Reads the imports of all sources below `roots`, and checks them against the rules of .dependency-cruiser.cjs.
 *
 * @param baseDir absolute path of a checkout
 * @param roots folders in `baseDir`
 */
export async function cruiseImports(baseDir: string, roots: string[]): Promise<ICruiseResult> {
  const given: ICruiseOptions = { ...options, baseDir, validate: true, ruleSet: { forbidden } };
  const { output } = await cruise(roots, given);
  if (typeof output === 'string') throw new Error(output);
  return output;
}
