import type { Finding } from '../../../engine/validate/finding.js';
import { exitClasses } from '../../../errors/index.js';
import { formatCounted } from '../../../text/counted.js';
import { limitFlags, readLimits } from '../../args/flags.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--json] LAYOUT | IMAGE:TAG',
  description: `Check a layout, or one image of it, and print everything that is wrong:
documents, digests, sizes, media types, diffIDs and entries of layers,
missing blobs, history and platforms; of a layout also its tags and what
does not belong into it. Nothing is changed. The exit status is 1 if there
are errors, 20 if there are only warnings, and 0 otherwise. Notes are
harmless. docs/images.md explains the findings.`,
  examples: ['layerhook validate image', 'layerhook validate image:base'],
  arguments: ['LAYOUT|IMAGE:TAG'],
  options: { ...limitFlags },
  json: true,
  endsImmediately: true,
  async run([what], options, { show, log }) {
    const { validate } = await import('../../../engine/validate/validate.js');
    const { quoteIfOdd } = await import('../../umoci/go-format.js');
    const count = { error: 0, warning: 0, note: 0 };
    const findings = async function* () {
      for await (const found of validate({ what: what!, ...readLimits(options, 'layerhook validate') })) {
        count[found.severity]++;
        yield found;
      }
    };
    await show({
      json: findings,
      text: async function* () {
        for await (const found of findings()) yield quoteIfOdd(line(found), false);
      },
    });
    const counts = Object.entries(count).map(([severity, found]) => formatCounted(found, `${severity}s`));
    log.info(`${what}: ${counts.join(', ')}`);
    if (count.error > 0) return exitClasses.finding.status;
    return count.warning > 0 ? exitClasses.warnings.status : 0;
  },
});

function line({ severity, code, message, tag }: Finding): string {
  const image = tag === undefined ? '' : ` (tag ${tag})`;
  return `${severity}: ${code}: ${message}${image}`;
}
