/**
 * A hook module that adds a mount to the config.json of every bundle:
 *
 *   [[hook]]
 *   module = "/usr/local/lib/layerhook/add-mount.mjs"
 *   [hook.options]
 *   source = "/srv/shared"
 *   destination = "/mnt/shared"
 *   options = ["ro"]
 *
 * A bind mount, unless the options name another `type`. What is mounted comes from hooks.toml alone, never from the
 * image.
 *
 * @param {{source: string, destination: string, type?: string, options?: string[]}} mount
 * @returns {import('layerhook').Hooks}
 */
export default function addMount({ source, destination, type = 'bind', options = [] }) {
  if (typeof source !== 'string' || typeof destination !== 'string' || !destination.startsWith('/')) {
    throw new Error('add-mount needs a source and an absolute destination');
  }
  const isBind = type === 'bind' && !options.some((option) => option === 'bind' || option === 'rbind');
  const mount = { destination, type, source, options: isBind ? ['rbind', ...options] : options };
  return {
    'unpack.ociv1.bundle.config': ({ spec, log }) => {
      log.info(`mounting ${source} at ${destination}`);
      // an earlier mount of the same place would only hide below this one
      const others = (spec.mounts ?? []).filter((each) => each.destination !== destination);
      return { ...spec, mounts: [...others, mount] };
    },
  };
}
