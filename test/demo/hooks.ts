import { declined, type Hooks } from 'layerhook';

/**
 * A hook on every lifecycle point of unpack and repack. Most only tell that they were called and leave the work to
 * the driver; the one on config.json sets the command, if there is one.
 */
export function tracingHooks(say: (text: string) => void, command?: string[]): Hooks {
  const tell = (point: string, about: string) => say(`${point.padEnd(34)} ${about}`);
  return {
    'unpack.ociv1.layer.try-skip': ({ index, manifest, descriptor }) => {
      tell(
        'unpack.ociv1.layer.try-skip',
        `layer ${index + 1} of ${manifest.layers.length}, ${descriptor.size} bytes`,
      );
      return declined;
    },
    'unpack.ociv1.layer.pre-extract': ({ diffID }) => {
      tell('unpack.ociv1.layer.pre-extract', `diffID ${diffID.slice(0, 19)}…`);
      return declined;
    },
    'unpack.ociv1.layer.post-extract': ({ applied }) => {
      tell('unpack.ociv1.layer.post-extract', `${applied.entries} entries extracted and verified`);
    },
    'unpack.ociv1.bundle.assemble': () => {
      tell('unpack.ociv1.bundle.assemble', 'all layers are extracted');
      return declined;
    },
    'unpack.ociv1.bundle.config': ({ spec }) => {
      tell('unpack.ociv1.bundle.config', command ? 'here a hook sets the command to run' : 'unchanged');
      if (command === undefined) return spec;
      return { ...spec, process: { ...(spec.process as object), terminal: false, args: command } };
    },
    'repack.ociv1.layer.delta-list': () => {
      tell('repack.ociv1.layer.delta-list', 'what has changed? left to the driver');
      return declined;
    },
    'repack.ociv1.layer.refresh-bundle': () => {
      tell('repack.ociv1.layer.refresh-bundle', 'left to the driver');
      return declined;
    },
  };
}
