// NAME: a hook. It logs each layer that unpack extracts, and notes the image in config.json.

/** @type {import('layerhook').Hooks} */
export default {
  'unpack.ociv1.layer.post-extract': ({ diffID, applied, log }) => {
    log.info(`extracted ${diffID}: ${applied.bytes} bytes`);
  },
  // the result is the changed spec
  'unpack.ociv1.bundle.config': ({ spec, manifestDescriptor }) => ({
    ...spec,
    annotations: { ...spec.annotations, 'NAME.image': manifestDescriptor.digest },
  }),
};
