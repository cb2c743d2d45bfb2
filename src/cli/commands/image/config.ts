import type { Clearable, ConfigChange } from '../../../image/change-config.js';
import {
  historyFlags,
  imageFlag,
  isTime,
  limitFlags,
  platformFlag,
  readHistory,
  readLimits,
  readPlatform,
  readSourceDateEpoch,
  tagFlag,
} from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand, type OptionSpecs, type OptionValues } from '../../command.js';

const command = 'layerhook config';

const changeFlags = {
  'config.user': { value: 'USER[:GROUP]', mayBeEmpty: true, describe: 'user and group of the process' },
  'config.exposedports': { value: 'PORT[/PROTOCOL]', many: true, describe: 'add a port' },
  'config.env': { value: 'NAME=VALUE', many: true, describe: 'set an environment variable' },
  'config.entrypoint': {
    value: 'WORD',
    many: true,
    mayBeEmpty: true,
    describe: 'replace the entrypoint; one option per word',
  },
  'config.cmd': {
    value: 'WORD',
    many: true,
    mayBeEmpty: true,
    describe: 'replace the default arguments; one option per word',
  },
  'config.volume': { value: 'PATH', many: true, describe: 'add a volume' },
  'config.label': { value: 'NAME=VALUE', many: true, describe: 'set a label' },
  'config.workingdir': { value: 'PATH', mayBeEmpty: true, describe: 'working directory of the process' },
  'config.stopsignal': { value: 'SIGNAL', mayBeEmpty: true, describe: 'signal that stops the container' },
  created: { value: 'TIME', describe: 'creation time of the image, in RFC 3339' },
  author: { value: 'NAME', mayBeEmpty: true, describe: 'author of the image' },
  'platform.os': { value: 'OS', alias: ['os'], mayBeEmpty: true, describe: 'operating system of the image' },
  'platform.arch': {
    value: 'ARCH',
    alias: ['architecture'],
    mayBeEmpty: true,
    describe: 'architecture of the image',
  },
  'platform.variant': { value: 'VARIANT', mayBeEmpty: true, describe: 'variant of the architecture' },
  'manifest.annotation': { value: 'NAME=VALUE', many: true, describe: 'set an annotation of the manifest' },
  clear: {
    value: 'FIELD',
    many: true,
    describe:
      'empty a field before the other changes: config.labels, config.env, config.exposedports, config.volume, config.cmd, config.entrypoint or manifest.annotations',
  },
} as const satisfies OptionSpecs;

export default defineCommand({
  usage: '[--tag TAG] [--config.* VALUE]... [--clear FIELD]... --image PATH[:TAG]',
  description: `Change the config of an image and the annotations of its manifest. An empty
value removes a field.

The layers stay. Without --tag, the tag then names the changed image.`,
  examples: [
    'layerhook config --image image:base --tag web --config.cmd /usr/sbin/nginx',
    'layerhook config --image image:web --clear config.labels',
  ],
  arguments: [],
  options: { ...imageFlag, ...tagFlag, ...changeFlags, ...historyFlags, ...limitFlags, ...platformFlag },
  json: true,
  async run(_, options, { persona, signal, log, show }) {
    const change = await readChange(options);
    const history = readHistory(options, command);
    if (history) history.createdBy ??= `${persona} config`;
    const { configureImage } = await import('../../../engine/image/configure.js');
    const result = await configureImage({
      image: options.image,
      tag: options.tag,
      change,
      ...readPlatform(options),
      history,
      sourceDateEpoch: readSourceDateEpoch(command),
      ...readLimits(options, command),
      signal,
    });
    log.info(`new image manifest created: ${result.manifest.digest}`, { tag: result.tag });
    await show({ json: () => result, text: () => [] });
  },
});

async function readChange(options: OptionValues<typeof changeFlags>): Promise<ConfigChange> {
  const { created } = options;
  if (created !== undefined && !isTime(created))
    throw usageError(`--created ${created} is malformed; write a time such as 2026-01-31T12:00:00Z`, command);
  return {
    clear: await readClear(options.clear),
    created,
    author: options.author,
    platform: {
      ...(options['platform.os'] !== undefined && { os: options['platform.os'] }),
      ...(options['platform.arch'] !== undefined && { architecture: options['platform.arch'] }),
      ...(options['platform.variant'] !== undefined && { variant: options['platform.variant'] }),
    },
    user: options['config.user'],
    workingDir: options['config.workingdir'],
    stopSignal: options['config.stopsignal'],
    entrypoint: listOf(options['config.entrypoint']),
    cmd: listOf(options['config.cmd']),
    env: pairs(options['config.env'], 'config.env'),
    exposedPorts: options['config.exposedports'],
    volumes: options['config.volume'],
    labels: pairs(options['config.label'], 'config.label'),
    annotations: pairs(options['manifest.annotation'], 'manifest.annotation'),
  };
}

async function readClear(fields: readonly string[]): Promise<readonly Clearable[]> {
  const { clearable } = await import('../../../image/change-config.js');
  return fields.map((field) => {
    const found = clearable.find((name) => name === field);
    if (found !== undefined) return found;
    throw usageError(`unknown key to --clear: ${field}; use ${clearable.join(', ')}`, command);
  });
}

/** Returns undefined without words. A single empty word empties the list. */
function listOf(words: readonly string[]): readonly string[] | undefined {
  if (words.length === 0) return undefined;
  return words.length === 1 && words[0] === '' ? [] : words;
}

function pairs(values: readonly string[], name: string): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf('=');
      if (at > 0) return [value.slice(0, at), value.slice(at + 1)];
      throw usageError(`--${name} ${JSON.stringify(value)} is malformed: expected NAME=VALUE`, command);
    }),
  );
}
