import { resolve } from 'node:path';
import type { Change } from '../../../layer/types.js';
import type { Dispatcher } from '../../../points/dispatch.js';
import type { PointName } from '../../../points/points.js';
import { isPoint, pointNames } from '../../../points/table.js';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';

export default defineCommand({
  usage: '[--bundle BUNDLE] [--image PATH[:TAG]] POINT',
  description: `Call the hooks of one lifecycle point by hand, with the context that the
point would have for this bundle and image, and print the result as JSON.
The hooks do their real work, but nothing else of an unpack or repack
happens.

Unpack points need --image; without --bundle they get a temporary empty
rootfs. Snapshot points need --image, and get a temporary empty directory.
Repack points need --image and --bundle. Bundle points need --bundle. Other
fields come from --context.`,
  examples: ['layerhook hooks run --image image:base unpack.ociv1.layer.try-skip'],
  arguments: ['point'],
  words: pointNames,
  options: {
    bundle: { value: 'BUNDLE', describe: 'bundle for the context' },
    image: { value: 'PATH[:TAG]', describe: 'image layout, and a tag in it (default: latest)' },
    layer: { value: 'NUMBER', describe: 'number of the layer; 0 is the lowest (default: 0)' },
    context: { value: 'FILE', describe: 'JSON object whose fields replace those of the context' },
    driver: {
      value: 'NAME',
      describe: 'driver, called last (default: the one of the bundle or hooks.toml, else copy)',
    },
  },
  async run([name = ''], options, { print, hooksFile, log, signal }) {
    if (!isPoint(name)) {
      const { didYouMean } = await import('../../../text/nearest.js');
      const meant = didYouMean(name, pointNames);
      throw usageError(`unknown lifecycle point ${name}${meant}`, 'layerhook hooks list');
    }
    const { closeOperation, openOperation } = await import('../../../engine/operation.js');
    const { contextByHand, metaByHand } = await import('./hand-context.js');
    const meta = metaByHand(name, options);
    const operation = await openOperation(
      { driver: options.driver, hooksFile, log, signal },
      meta && { recorded: { bundle: resolve(options.bundle!), ...meta } },
    );
    try {
      const { context, dispose } = await contextByHand(name, options, meta, operation);
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
  const { encodeName } = await import('../../../text/json-names.js');
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
