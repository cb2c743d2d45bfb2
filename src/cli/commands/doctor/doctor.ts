import type { DoctorFinding } from '../../../engine/doctor/finding.js';
import { storeFlag } from '../../args/flags.js';
import { defineCommand } from '../../command.js';
import { table } from '../../output/table.js';

export default defineCommand({
  usage: '[--json]',
  description: `Show what layerhook can use on this machine: node, kernel, overlayfs, EROFS,
user namespaces, libraries, programs and the layer store. For what is
missing, show what that costs and how to get it. Nothing is changed. The
exit status is 1 if something is broken.`,
  examples: ['layerhook doctor', 'layerhook doctor --json'],
  arguments: [],
  options: storeFlag,
  json: true,
  async run(_, { store }, { hooksFile, show }) {
    const { doctor } = await import('../../../engine/doctor/doctor.js');
    const findings = await doctor({ store, hooksFile });
    await show({ json: () => findings, text: () => lines(findings) });
    return findings.some(({ state }) => state === 'broken') ? 1 : 0;
  },
});

function lines(findings: readonly DoctorFinding[]): string[] {
  const rows = table(findings.map(({ state, name, found }) => [state, name, found]));
  return rows.flatMap((row, at) => {
    const { cost, remedy } = findings[at]!;
    return cost === undefined ? [row] : [row, `         ${cost}`, `         → ${remedy}`];
  });
}
