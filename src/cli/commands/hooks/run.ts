import { resolve } from 'node:path';
import type { Change } from '../../../layer/types.js';
import type { Dispatcher } from '../../../points/dispatch.js';
import type { PointName } from '../../../points/points.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--bundle BUNDLE] [--image PATH[:TAG]] POINT',
  description: `Calls the hooks of one point by hand, with the context that it would have for this
bundle and image, and prints the result as JSON. What hooks do is done for real;
nothing else of an unpack or repack is.

Points of unpack need an image. Without a bundle they get an empty rootfs, which is
removed afterwards; points of snapshots need an image too, and get an empty directory.
Points of repack need both, those of bundles a bundle. Fields that neither of them has
come from --context.`,
  arguments: ['point'],
  options: {
    bundle: { value: 'BUNDLE', describe: 'the bundle' },
    image: { value: 'PATH[:TAG]', describe: 'image layout and tag in it (default: latest)' },
    layer: { value: 'NUMBER', describe: 'which layer, 0 is the lowest (default: 0)' },
    context: { value: 'FILE', describe: 'JSON object with fields that count instead' },
    driver: {
      value: 'NAME',
      describe: 'driver to ask last (default: that of the bundle or hooks.toml, else copy)',
    },
  },
  async run([name = ''], options, { print, hooksFile, log, signal }) {
    const { isPoint, pointNames } = await import('../../../points/table.js');
    if (!isPoint(name)) {
      const { didYouMean } = await import('../../../text/nearest.js');
      const meant = didYouMean(name, pointNames);
      throw usageError(`${name} is no lifecycle point${meant}`, 'layerhook hooks list');
    }
    const { closeOperation, openOperation } = await import('../../../engine/operation.js');
    const { contextByHand, metaByHand } = await import('./hand-context.js');
    const meta = metaByHand(name, options);
    const operation = await openOperation(
      { driver: options.driver, hooksFile, log, signal },
      meta && { recorded: { bundle: resolve(options.bundle!), ...meta } },
    );
    try {
      const { context, dispose } = contextByHand(name, options, meta, operation);
      try {
        if (!operation.dispatcher.handles(name)) log.warn(`no hook and no driver handles ${name}`);
        print(JSON.stringify(await call(operation.dispatcher, name, context), null, 2));
      } finally {
        dispose();
      }
    } finally {
      await closeOperation(operation);
    }
  },
});

async function call(dispatcher: Dispatcher, point: PointName, context: object): Promise<unknown> {
  const { pointRow } = await import('../../../points/table.js');
  const { encodeName } = await import('../../../points/words.js');
  const { kind, result: expected } = pointRow(point);
  switch (kind) {
    case 'every':
      await dispatcher.every(point as 'bundle.ociv1.remove', context as never);
      return { point };
    case 'chain':
      return {
        point,
        result: await dispatcher.chain(point as 'unpack.ociv1.bundle.config', context as never),
      };
    case 'first': {
      const outcome = await dispatcher.first(point as 'repack.ociv1.layer.delta-list', context as never);
      if (!outcome.handled)
        return { point, handled: false, ...(outcome.fallback && { fallback: outcome.fallback }) };
      const { by, result } = outcome;
      const shown =
        expected.form === 'stream'
          ? result.map(({ path, kind }: Change) => ({ ...encodeName('path', path), kind }))
          : result;
      return { point, handled: true, by, result: shown };
    }
  }
}
