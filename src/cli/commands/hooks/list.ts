import type { PointDescription } from '../../../points/dispatch.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '',
  description: `List the lifecycle points in the order in which they come, and the hooks at
each in the order of their calls: the hooks of hooks.toml in the order of
the file, then the driver.`,
  examples: ['layerhook hooks list'],
  arguments: [],
  options: {
    driver: { value: 'NAME', describe: 'driver to show (default: the one in hooks.toml, else copy)' },
  },
  json: true,
  async run(_, { driver }, { show, hooksFile, log, signal }) {
    const { closeOperation, openOperation } = await import('../../../engine/operation.js');
    const operation = await openOperation({ driver, hooksFile, log, signal });
    try {
      const { config } = operation;
      const points = operation.dispatcher.describe();
      await show({
        json: () => ({ file: config?.file ?? null, driver: operation.driver.name, points }),
        text: () => [config === null ? 'no hooks.toml' : config.file, ...table(points)],
      });
    } finally {
      await closeOperation(operation);
    }
  },
});

function table(points: PointDescription[]): string[] {
  const width = Math.max(...points.map(({ point }) => point.length));
  const line = (point: string, kind: string, handler: string) =>
    `${point.padEnd(width)}  ${kind.padEnd(5)}  ${handler}`;
  return [
    line('POINT', 'KIND', 'HOOKS'),
    ...points.flatMap(({ point, kind, handlers }) => {
      const [first = '-', ...others] = handlers.map(({ owner, onFailure }) =>
        onFailure === 'abort' ? owner : `${owner} (on-failure: ${onFailure})`,
      );
      return [line(point, kind, first), ...others.map((owner) => line('', '', owner))];
    }),
  ];
}
