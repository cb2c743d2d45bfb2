import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

const command = 'layerhook snapshotter health';

export default defineCommand({
  usage: '--metrics SOCKET',
  description: `Asks a running "layerhook snapshotter serve" whether it can read its store. The exit
status is 0 if it says so: for probes of Kubernetes and of other supervisors.`,
  arguments: [],
  options: {
    metrics: { value: 'SOCKET', required: true, describe: 'the socket that serve --metrics was given' },
    timeout: { value: 'SECONDS', describe: 'how long to wait for an answer (default: 5)' },
  },
  async run(_, { metrics, timeout = '5' }, { print }) {
    const seconds = Number(timeout);
    if (!(seconds > 0 && seconds <= 3600))
      throw usageError(`--timeout ${timeout} is no number of seconds`, command);
    const { checkHealth } = await import('../../../snapshotter/health.js');
    await checkHealth(metrics, seconds * 1000);
    print('ok');
  },
});
