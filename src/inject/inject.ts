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

/** Whether a command line starts a container, so that hooks must be in its config.json. */
export function startsContainer({ command }: Pick<RuntimeArguments, 'command'>): boolean {
  return command !== undefined && commandsWithHooks.includes(command);
}

/**
 * Adds the hooks of the settings, or those given on the command line, to the config.json of the bundle.
 *
 * @throws LayerhookError RUNTIME_HOOKS, RUNTIME_SPEC
 */
export function injectHooks(args: RuntimeArguments, settings: RuntimeSettings, log: Log): void {
  const named = args.own.hooks.length > 0 ? args.own.hooks.map(readable) : settings.hooks;
  if (named === undefined) {
    const where = settings.file ?? 'no runtime.toml';
    log('warn', `${where}, and no hooks: ${args.command} goes on without`);
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

/** The runtimes to look for, in their order. */
export function runtimeCandidates(args: RuntimeArguments, settings: RuntimeSettings): ByteString[] {
  return args.own.runtime === undefined ? settings.runtimes.map(fromText) : [args.own.runtime];
}

/** Paths of hooks are given as text to node:fs. */
function readable(path: ByteString): string {
  const text = toText(path);
  if (text !== undefined) return text;
  throw new LayerhookError('RUNTIME_HOOKS', { file: showBytes(path), reason: 'its name is not UTF-8' });
}
