import type { InspectedImage, InspectImageOptions } from '../../../engine/inspect/inspect.js';
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
  usage: '[--top N] [--ci [RULES]] [--json] [--html FILE [--against IMAGE]] IMAGE[:TAG]',
  description: `Show what an image is made of, without unpacking it: what each layer adds,
changes and deletes, its sizes, the bytes that later layers replace or
delete, the largest files and directories, and an efficiency score as that
of dive. With --ci, check the figures, print one line for each rule that
the image breaks, and exit with status 1 if it breaks one.

With --html, write a page for a browser instead: layers, a file tree with
the changes of each layer, a treemap of sizes, and with --against how the
image differs from another one. The page is one file and loads nothing.
With --ci or --json too, do both.`,
  examples: [
    'layerhook inspect image:base',
    'layerhook inspect --ci --lowest-efficiency 0.95 image:base',
    'layerhook inspect --html page.html --against image:base image:changed',
  ],
  arguments: ['IMAGE[:TAG]'],
  options: {
    top: { value: 'N', describe: 'how many of the largest entries to show (default: 10)' },
    ci: { describe: 'check rules instead of showing the figures' },
    ...ruleFlags,
    html: { value: 'FILE', describe: 'write a page for a browser; - is standard output' },
    against: { value: 'IMAGE', describe: 'for --html: an image or a bundle to compare with' },
    ...platformFlag,
    ...limitFlags,
  },
  json: true,
  endsImmediately: true,
  async run([reference], options, { show, signal }) {
    const rules = readRules(options);
    const top = readTop(options.top ?? '10');
    checkPage(options);
    const { inspectJson } = await import('../../../engine/inspect/inspect.js');
    const { failedRules } = await import('../../../engine/inspect/rules.js');
    const { failedLine, imageLines } = await import('./inspect-lines.js');
    const wanted = { image: reference!, top, ...readPlatform(options), ...readLimits(options, command) };
    const { image, page } = await inspect(wanted, { ...options, signal });
    const failed = rules === undefined ? [] : failedRules(image, rules);
    await show({
      json: () => inspectJson(image, rules),
      text: () => {
        if (rules !== undefined) return failed.map(failedLine);
        return page ?? imageLines(image);
      },
    });
    return failed.length > 0 ? 1 : 0;
  },
});

interface PageValues {
  readonly html: string | undefined;
  readonly against: string | undefined;
}

/** Reads the image, and writes its page. @returns the lines of the page that belong on standard output; undefined without --html */
async function inspect(
  wanted: InspectImageOptions,
  { html, against, signal }: PageValues & { signal: AbortSignal },
): Promise<{ image: InspectedImage; page?: string[] }> {
  if (html === undefined) {
    const { inspectImage } = await import('../../../engine/inspect/inspect.js');
    return { image: await inspectImage(wanted) };
  }
  const { inspectForPage } = await import('../../../engine/inspect/inspect-page.js');
  const { renderPage } = await import('../../output/inspect-page.js');
  const { image, data } = await inspectForPage({ ...wanted, against });
  const page = renderPage(data);
  if (html === '-') return { image, page: [page] };
  const { writeOutput } = await import('../../files/output.js');
  await writeOutput(html, page, signal);
  return { image, page: [] };
}

/** @throws LayerhookError USAGE */
function checkPage({ html, against, ci, ...rest }: PageValues & { ci: boolean }): void {
  if (html === undefined && against !== undefined)
    throw usageError('--against needs --html; layerhook diff prints how two images differ', command);
  if (html !== '-') return;
  // the command table adds --json
  if (ci || ('json' in rest && rest.json === true))
    throw usageError('--html - is mutually exclusive with --ci and --json', command);
  if (process.stdout.isTTY)
    throw usageError('a page cannot go to a terminal; name a file with --html', command);
}

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
