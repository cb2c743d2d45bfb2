import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook snapshotter health';

export default defineCommand({
  usage: '--metrics SOCKET',
  description: `Check that a running "layerhook snapshotter serve" can read its store, for
probes of Kubernetes and other supervisors. The exit status is 0 if it can,
and 1 otherwise.`,
  examples: ['layerhook snapshotter health --metrics /run/layerhook/metrics.sock'],
  arguments: [],
  options: {
    metrics: { value: 'SOCKET', required: true, describe: 'the socket given to serve --metrics' },
    timeout: { value: 'SECONDS', describe: 'time to wait for an answer (default: 5)' },
  },
  async run(_, { metrics, timeout = '5' }, { print }) {
    const seconds = Number(timeout);
    if (!(seconds > 0 && seconds <= 3600))
      throw usageError(`invalid --timeout ${timeout}: expected a number of seconds, at most 3600`, command);
    const { checkHealth } = await import('../../../snapshotter/health.js');
    await checkHealth(metrics, seconds * 1000);
    print('ok');
  },
});
