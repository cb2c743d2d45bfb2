import type { SnapshotterStatus } from '../../../ctk/snapshotter-status.js';
import { formatCounted } from '../../../text/counted.js';
import { defineCommand } from '../../command.js';
import { readSnapshotter, snapshotterFlags } from './shared.js';

export default defineCommand({
  usage: '',
  description: `Show whether containerd's configuration has the snapshotter, and whether the
snapshotter answers. The exit status is 1 if something is broken.`,
  examples: ['layerhook ctk snapshotter status'],
  arguments: [],
  options: snapshotterFlags,
  json: true,
  async run(_, options, { show }) {
    const { snapshotterStatus } = await import('../../../ctk/snapshotter-status.js');
    const { file, name } = await readSnapshotter(options, 'layerhook ctk snapshotter status');
    const status = await snapshotterStatus(file, name);
    await show({ json: () => status, text: () => statusLines(status, name) });
    return status.problem === undefined ? 0 : 1;
  },
});

function statusLines(status: SnapshotterStatus, name: string): string[] {
  const { file, state, problem, address, root, capabilities = [], snapshots } = status;
  if (state === 'missing') return [`no ${file}`];
  if (state === 'plain') return [`${name} is not in ${file}`];
  if (state === 'broken') return [`${file}: ${problem}`];
  const row = (title: string, value: string) => `${title.padEnd(13)} ${value}`;
  const yesOrNo = (is: boolean | undefined) => (is ? 'yes' : 'no');
  const answer =
    snapshots === undefined
      ? `${problem}`
      : `answers; ${formatCounted(snapshots.committed, 'committed snapshots')}, ${snapshots.active} of containers`;
  return [
    row('name', `${name}, in ${file}`),
    row('address', `${address}`),
    row('store', root ?? 'not named'),
    row('capabilities', capabilities.join(', ') || 'none'),
    row('CRI default', yesOrNo(status.isCriDefault)),
    row('transfer', yesOrNo(status.isTransferTarget)),
    row('daemon', answer),
  ];
}
