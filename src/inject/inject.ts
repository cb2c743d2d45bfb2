import { LayerhookError } from '../errors/index.js';
import { type ByteString, fromText, showBytes, toText } from '../system/bytes.js';
import { parseJson } from '../text/json-bytes.js';
import type { RuntimeArguments } from './arguments.js';
import { readHooks } from './hook-files.js';
import { addHooks } from './merge.js';
import type { RuntimeSettings } from './settings.js';
import { readSpecFile, writeSpecFile } from './spec-file.js';
import type { Log } from './types.js';

/** Commands that read the bundle's config.json and call hooks. */
const commandsWithHooks = ['create', 'run', 'restore'];

/** True if the command starts a container, so that its config.json needs the hooks. */
export function startsContainer({ command }: Pick<RuntimeArguments, 'command'>): boolean {
  return command !== undefined && commandsWithHooks.includes(command);
}

/**
 * Adds hooks to the config.json of the bundle: those of the command line, else those of the settings.
 *
 * @throws LayerhookError RUNTIME_HOOKS, RUNTIME_SPEC
 */
export function injectHooks(args: RuntimeArguments, settings: RuntimeSettings, log: Log): void {
  const named = args.own.hooks.length > 0 ? args.own.hooks.map(readable) : settings.hooks;
  if (named === undefined) {
    const where = settings.file ?? 'no runtime.toml';
    log('warn', `${where} and no hooks: ${args.command} continues without hooks`);
    return;
  }
  const spec = readSpecFile(args.specFile ?? `${args.bundle}/config.json`);
  const file = showBytes(spec.path);
  const document = parseJson(spec.text, (reason) => new LayerhookError('RUNTIME_SPEC', { file, reason }));
  const changed = addHooks(spec.text, readHooks(named, document, log), { file, order: settings.order });
  if (changed === undefined) log('debug', `${file} needs no hooks`);
  else {
    writeSpecFile(spec, changed);
    log('info', `added hooks of ${named.join(', ')} to ${file}`);
  }
}

/** Returns the names or paths of the runtimes to search for, in their order. */
export function runtimeCandidates(args: RuntimeArguments, settings: RuntimeSettings): ByteString[] {
  return args.own.runtime === undefined ? settings.runtimes.map(fromText) : [args.own.runtime];
}

/** Returns the text of a path of hooks, which must be UTF-8 for node:fs. */
function readable(path: ByteString): string {
  const text = toText(path);
  if (text !== undefined) return text;
  throw new LayerhookError('RUNTIME_HOOKS', { file: showBytes(path), reason: 'its name is not UTF-8' });
}
