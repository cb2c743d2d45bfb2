import type { InspectRules } from '../../../engine/inspect/rules.js';
import { limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook inspect';
const maxTop = 100_000;

const ruleFlags = {
  'lowest-efficiency': {
    value: 'SCORE',
    describe: 'for --ci: the lowest allowed efficiency, from 0 to 1 (default: 0.9)',
  },
  'highest-wasted-bytes': {
    value: 'SIZE',
    describe: 'for --ci: how many bytes may be wasted, such as 20MB (default: no limit)',
  },
  'highest-wasted-percent': {
    value: 'SHARE',
    describe: 'for --ci: the share of bytes that may be wasted, from 0 to 1 (default: 0.1)',
  },
} as const;

export default defineCommand({
  usage: '[--top N] [--ci [RULES]] [--json] IMAGE[:TAG]',
  description: `Show what an image is made of, without unpacking it: what each layer adds,
changes and deletes, its sizes, the bytes that later layers replace or
delete, the largest files and directories, and an efficiency score as that
of dive. With --ci, check the figures, print one line for each rule that
the image breaks, and exit with status 1 if it breaks one.`,
  examples: ['layerhook inspect image:base', 'layerhook inspect --ci --lowest-efficiency 0.95 image:base'],
  arguments: ['IMAGE[:TAG]'],
  options: {
    top: { value: 'N', describe: 'how many of the largest entries to show (default: 10)' },
    ci: { describe: 'check rules instead of showing the figures' },
    ...ruleFlags,
    ...platformFlag,
    ...limitFlags,
  },
  json: true,
  endsImmediately: true,
  async run([reference], options, { show }) {
    const rules = readRules(options);
    const top = readTop(options.top ?? '10');
    const { inspectImage, inspectJson } = await import('../../../engine/inspect/inspect.js');
    const { failedRules } = await import('../../../engine/inspect/rules.js');
    const { failedLine, imageLines } = await import('./inspect-lines.js');
    const found = { ...readPlatform(options), ...readLimits(options, command) };
    const image = await inspectImage({ image: reference!, top, ...found });
    const failed = rules === undefined ? [] : failedRules(image, rules);
    await show({
      json: () => inspectJson(image, rules),
      text: () => (rules === undefined ? imageLines(image) : failed.map(failedLine)),
    });
    return failed.length > 0 ? 1 : 0;
  },
});

type RuleValues = { readonly [Name in keyof typeof ruleFlags]: string | undefined } & {
  readonly ci: boolean;
};

/** Returns undefined without --ci. @throws LayerhookError USAGE */
function readRules(options: RuleValues): InspectRules | undefined {
  const { 'highest-wasted-bytes': bytes } = options;
  const needless = Object.keys(ruleFlags).find(
    (name) => options[name as keyof typeof ruleFlags] !== undefined,
  );
  if (!options.ci) {
    if (needless !== undefined) throw usageError(`--${needless} needs --ci`, command);
    return undefined;
  }
  return {
    lowestEfficiency: readShare(options, 'lowest-efficiency', '0.9'),
    highestWastedBytes:
      bytes === undefined ? undefined : parseBytes(bytes, '--highest-wasted-bytes', command),
    highestWastedPercent: readShare(options, 'highest-wasted-percent', '0.1'),
  };
}

function readShare(options: RuleValues, name: keyof typeof ruleFlags, byDefault: string): number {
  const text = options[name] ?? byDefault;
  const share = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw usageError(`invalid value --${name} ${text}; write a number from 0 to 1, such as 0.9`, command);
}

function readTop(text: string): number {
  const top = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (top <= maxTop) return top;
  throw usageError(`invalid value --top ${text}; write a number from 0 to ${maxTop}`, command);
}
