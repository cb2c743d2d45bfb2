import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { foreignImage, isLayoutName, registryImage } from '../../image/transports.js';
import type { CommandSpec } from '../command.js';
import { isLayoutPath } from './flags.js';
import { usageError } from './usage.js';

/**
 * Explains why a command line lacks an argument or has too many: the user may have given the image or the layout as an argument,
 * as other tools take it.
 *
 * @param error what the check of the command line threw
 * @param command such as `layerhook unpack`
 * @returns USAGE with the right command line, else `error`
 */
export function explainArguments(
  error: unknown,
  { options, arguments: expected }: Pick<CommandSpec, 'options' | 'arguments'>,
  given: { args: readonly string[]; options: Readonly<Record<string, unknown>> },
  command: string,
): unknown {
  const [image, ...others] = given.args;
  if (
    'layout' in options &&
    given.options.layout === undefined &&
    given.args.length === 1 &&
    isLayoutPath(image!)
  )
    return usageError(
      `the layout ${image} is given as an argument; write ${command} --layout ${image}`,
      command,
    );
  const lacksImage =
    'image' in options && given.options.image === undefined && given.options.pull === undefined;
  if (!lacksImage || image === undefined) return error;
  // export takes the file for its output as an option too
  const hasOutput = 'output' in options && others.length === 1;
  if (!hasOutput && others.length !== expected?.length) return error;
  const option = optionFor(image, 'pull' in options);
  if (option === undefined) return error;
  const right = [command, ...option, ...(hasOutput ? ['--output'] : []), ...others].join(' ');
  return usageError(`the image ${image} is given as an argument; write ${right}`, command);
}

/** Returns the option that names the image; undefined if the word can be something else. */
function optionFor(word: string, canPull: boolean): string[] | undefined {
  const name = word.replace(/^oci:/, '');
  const hasTag = /[:@]/.test(name);
  const path = name.replace(/[:@].*$/s, '');
  const isHere = name !== word || isLayoutName(name) || existsSync(hasTag ? path : join(path, 'index.json'));
  if (!hasTag && !isHere) return undefined;
  const foreign = isHere ? undefined : (foreignImage(name) ?? registryImage(name));
  return canPull && foreign !== undefined ? ['--pull', foreign.source] : ['--image', name];
}
