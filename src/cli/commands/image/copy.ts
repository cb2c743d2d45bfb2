import { formatBytes } from '../../../terminal/quantities.js';
import { limitFlags, platformFlag, readLimits, readPlatform } from '../../args/flags.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook copy';

export default defineCommand({
  usage: '[--platform OS/ARCH | --all-tags] SOURCE[:TAG] TARGET[:TAG]',
  description: `Copy an image to another layout. Of an index, all images are copied, with
attestations, and with the signatures and other referrers of the layout.
Blobs that TARGET has are not copied again; the others are verified, and
share their bytes with SOURCE where the file system allows it safely.

SOURCE and TARGET are directories, or tars: oci-archive:FILE, and SOURCE
also docker-archive:FILE. TARGET is created if it is missing; its tag is
that of SOURCE by default. The prefix oci: of skopeo may stand before a
directory. With oci-archive:/dev/stdout the tar goes to standard output.`,
  examples: ['layerhook copy image:base other:base', 'layerhook copy image:base oci-archive:base.tar'],
  arguments: ['source', 'target'],
  options: {
    ...platformFlag,
    platform: { ...platformFlag.platform, describe: 'copy only the image for this platform (default: all)' },
    all: { describe: 'copy all images of an index: the default, for scripts written for skopeo' },
    'all-tags': { describe: 'copy all of the layout SOURCE; SOURCE and TARGET have no tags then' },
    ...limitFlags,
  },
  json: true,
  async run(args, options, { signal, log, show }) {
    const [source, target] = args.map((reference) => reference.replace(/^oci:/, '')) as [string, string];
    const chosen = (['platform', 'all', 'all-tags'] as const).filter((name) => options[name]);
    if (options.platform !== undefined && chosen.length > 1)
      throw usageError(`--platform and --${chosen[1]} may not be specified together`, command);
    if (options['all-tags']) await refuseTags([source, target]);
    const { copyImage } = await import('../../../engine/image/copy.js');
    const { isOutputArchive, throughFile } = await import('../../output/output-archive.js');
    const copyTo = (target: string) =>
      copyImage({
        source,
        target,
        allTags: options['all-tags'],
        ...readPlatform(options),
        ...readLimits(options, command),
        onBlob: ({ digest, size }) => log.debug(`copying blob ${digest} (${formatBytes(size)})`),
        signal,
      });
    const toOutput = isOutputArchive(target);
    const { json } = options as { json?: boolean };
    if (toOutput && (json || process.stdout.isTTY))
      throw usageError(`a tar cannot go to ${json ? 'the output of --json' : 'a terminal'}`, command);
    const result = await (toOutput ? throughFile(target, copyTo, signal) : copyTo(target));
    const { entries, copied, bytes, present } = result;
    log.info(`copied ${source} to ${target}`, { blobs: copied, bytes: formatBytes(bytes), present });
    await show({ json: () => ({ entries, copied, bytes, present }), text: () => [] });
  },
});

/** @throws LayerhookError USAGE */
async function refuseTags(references: readonly string[]): Promise<void> {
  const { parseImageReference } = await import('../../../image/references.js');
  for (const reference of references)
    if (parseImageReference(reference).path !== reference)
      throw usageError(`--all-tags copies every tag: ${reference} may not have one`, command);
}
