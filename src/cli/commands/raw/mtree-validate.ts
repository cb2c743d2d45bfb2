import type { MtreeError } from 'mtree-ts';
import { fsError } from '../../../errors/fs-error.js';
import { LayerhookError } from '../../../errors/index.js';
import { parseBytes } from '../../args/parse-quantity.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { readInput } from '../../files/input.js';

const command = 'layerhook raw mtree-validate';
const advice = 'which --max-manifest raises';

export default defineCommand({
  usage: '[--json] --manifest FILE --path DIRECTORY',
  description: `Compare a directory with an mtree(5) manifest, by default for the keywords
that the manifest uses, and print a line for each difference. The exit
status is 1 if there is a difference. The mtree manifest of a bundle is
sha256_*.mtree beside its rootfs.`,
  examples: ['layerhook raw mtree-validate --manifest bundle/sha256_*.mtree --path bundle/rootfs'],
  arguments: [],
  options: {
    manifest: { value: 'FILE', alias: ['f', 'file'], required: true, describe: 'mtree manifest' },
    path: { value: 'DIRECTORY', alias: ['p'], required: true, describe: 'directory to check' },
    rootless: { describe: 'accepted for compatibility with umoci, without effect' },
    'add-keywords': { value: 'LIST', alias: ['K'], describe: 'check these keywords too (a,b,c)' },
    'use-keywords': { value: 'LIST', alias: ['k'], describe: 'check these keywords only' },
    'max-manifest': {
      value: 'SIZE',
      extension: true,
      describe: 'limit for the manifest, and for the paths of its entries together (default: 64MiB)',
    },
    'umoci-keywords': { describe: 'check the keywords that unpack writes' },
  },
  json: true,
  endsImmediately: true,
  async run(_, options, { log, show }) {
    const mtree = await import('mtree-ts');
    const { 'max-manifest': size = '64MiB', manifest: file } = options;
    const maxBytes = parseBytes(size, '--max-manifest', command);
    const bytes = await readInput(file, { what: `mtree manifest ${file}`, maxBytes, advice });
    const recorded = guard(file, () => mtree.parse(bytes, { maxBytes }));
    const used = options['use-keywords'];
    const base = options['umoci-keywords'] ? mtree.umociKeywords : recorded.usedKeywords();
    const keywords = [
      ...(used === undefined ? base : mtree.parseKeywordList(used)),
      ...mtree.parseKeywordList(options['add-keywords'] ?? ''),
    ];
    const { mtreeAccess } = await import('../../../layer/mtree-access.js');
    const { restoreModes } = await import('../../../system/saved-modes.js');
    restoreModes();
    const check = { keywords, strict: true, ...mtreeAccess };
    const deltas = guard(file, () => mtree.check(options.path, recorded, check));
    await show({
      json: function* () {
        for (const delta of deltas) yield* JSON.parse(mtree.formatJSON([delta]));
      },
      text: function* () {
        for (const delta of deltas) yield mtree.formatBSD([delta]).trimEnd();
      },
    });
    if (deltas.length === 0) {
      log.info('no differences found', { keywords: keywords.join(',') });
      return;
    }
    throw new LayerhookError('MTREE_DIFFERENT', { path: options.path, count: deltas.length });
  },
});

/** Converts errors of mtree-ts, a package of its own, into LayerhookErrors. */
function guard<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'MtreeError') throw error;
    const { code, line, message } = error as MtreeError;
    if (code === 'TOO_LARGE') {
      const limit = `${message.replace(/^(?:line \d+: )?more than /, '')}, ${advice}`;
      throw new LayerhookError('LIMIT_EXCEEDED', { what: `mtree manifest ${file}`, limit }, error);
    }
    if (line !== undefined) {
      throw new LayerhookError(
        'MTREE_INVALID',
        { file, line, reason: message.replace(/^line \d+: /, '') },
        error,
      );
    }
    if (code === 'UNKNOWN_KEYWORD') throw usageError(message, command);
    if (error.cause !== undefined) throw fsError(error.cause, message.slice(0, message.lastIndexOf(': ')));
    throw new LayerhookError(
      'SYSTEM',
      { what: 'cannot check', reason: message, expected: 'check the path' },
      error,
    );
  }
}
