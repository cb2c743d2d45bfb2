import { readFileSync } from 'node:fs';
import type { CheckOptions, MtreeError } from 'mtree-ts';
import { fsError } from '../../../errors/fs-error.js';
import { LayerhookError } from '../../../errors/index.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook raw mtree-validate';

export default defineCommand({
  usage: '--manifest FILE --path DIRECTORY',
  description: `Compare a directory with an mtree(5) manifest, by default for the keywords
that the manifest uses, and print a line for each difference. The exit
status is 1 if there is a difference. The mtree manifest of a bundle is
sha256_*.mtree beside its rootfs.`,
  arguments: [],
  options: {
    manifest: { value: 'FILE', alias: ['f', 'file'], required: true, describe: 'mtree manifest' },
    path: { value: 'DIRECTORY', alias: ['p'], required: true, describe: 'directory to check' },
    rootless: { describe: 'accepted for compatibility with umoci, without effect' },
    'add-keywords': { value: 'LIST', alias: ['K'], describe: 'check these keywords too (a,b,c)' },
    'use-keywords': { value: 'LIST', alias: ['k'], describe: 'check these keywords only' },
    'umoci-keywords': { describe: 'check the keywords that unpack writes' },
  },
  endsImmediately: true,
  async run(_, options, { log, print }) {
    const mtree = await import('mtree-ts');
    const recorded = guard(options.manifest, () => mtree.parse(readMtree(options.manifest)));
    const used = options['use-keywords'];
    const base = options['umoci-keywords'] ? mtree.umociKeywords : recorded.usedKeywords();
    const keywords = [
      ...(used === undefined ? base : mtree.parseKeywordList(used)),
      ...mtree.parseKeywordList(options['add-keywords'] ?? ''),
    ];
    const check: CheckOptions = { keywords, strict: true };
    if (keywords.includes('xattr')) check.xattrs = await xattrReader();
    const deltas = guard(options.manifest, () => mtree.check(options.path, recorded, check));
    if (deltas.length === 0) {
      log.info('no differences found', { keywords: keywords.join(',') });
      return;
    }
    print(mtree.formatBSD(deltas).trimEnd());
    throw new LayerhookError('MTREE_DIFFERENT', { path: options.path, count: deltas.length });
  },
});

function readMtree(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw fsError(error, `cannot read ${file}`);
  }
}

/** Converts errors of mtree-ts, a package of its own, into LayerhookErrors. */
function guard<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'MtreeError') throw error;
    const { code, line, message } = error as MtreeError;
    if (line !== undefined) {
      throw new LayerhookError(
        'MTREE_INVALID',
        { file, line, reason: message.replace(/^line \d+: /, '') },
        error,
      );
    }
    if (code === 'UNKNOWN_KEYWORD') throw usageError(message, command);
    throw new LayerhookError(
      'SYSTEM',
      { what: 'cannot check', reason: message, expected: 'check the path' },
      error,
    );
  }
}

/** Returns a function that reads the xattrs of a path. On a filesystem without xattrs it returns an empty map. */
async function xattrReader(): Promise<NonNullable<CheckOptions['xattrs']>> {
  const { getXattr, isUnsupported, listXattrs } = await import('../../../system/xattr.js');
  return (path) => {
    const target = path.toString('latin1');
    try {
      return new Map(listXattrs(target).map((name) => [name, getXattr(target, name) ?? Buffer.alloc(0)]));
    } catch (error) {
      if (isUnsupported(error)) return new Map();
      throw error;
    }
  };
}
