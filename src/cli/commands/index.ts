import type { CommandTable } from '../command.js';

/** Every command: a row here and a file beside this one. Only the file of the command that is run is loaded. */
export const commands: CommandTable = {
  bundle: {
    summary: 'mounts, unmounts, lists and removes bundles',
    description: 'Commands for bundles that unpack has made.',
    persona: 'layerhook',
    commands: {
      list: {
        aliases: ['ls'],
        summary: 'lists the bundles of the layer store',
        load: () => import('./bundle/list.js'),
      },
      mount: {
        summary: 'makes the rootfs of bundles usable again, for instance after a reboot',
        load: () => import('./bundle/mount.js'),
      },
      remove: {
        aliases: ['rm'],
        summary: 'removes bundles',
        load: () => import('./bundle/remove.js'),
      },
      umount: {
        aliases: ['unmount'],
        summary: 'takes the mounts of bundles away, and keeps all that is in them',
        load: () => import('./bundle/umount.js'),
      },
    },
  },
  ctk: {
    summary: 'makes layerhook-runtime and the layer store known to docker, containerd and CRI-O',
    description: `Commands that install and configure layerhook-runtime, docs/runtime.md, and that
configure the layer store as containerd's snapshotter, docs/snapshotter.md.`,
    persona: 'layerhook',
    commands: {
      config: {
        summary: 'writes the settings of layerhook-runtime',
        load: () => import('./ctk/config.js'),
      },
      install: { summary: 'installs layerhook-runtime', load: () => import('./ctk/install.js') },
      runtime: {
        summary: 'adds the runtime to an engine, or takes it away',
        description: 'Changes the configuration of docker, containerd or CRI-O.',
        commands: {
          configure: { summary: 'adds the runtime to an engine', load: () => import('./ctk/configure.js') },
          unconfigure: {
            summary: 'takes the runtime out of an engine again',
            load: () => import('./ctk/unconfigure.js'),
          },
        },
      },
      snapshotter: {
        summary: 'makes the layer store known to containerd, or takes it away',
        description: "Changes containerd's configuration. docs/snapshotter.md describes it.",
        commands: {
          configure: {
            summary: 'adds the store to containerd as a proxy snapshotter',
            load: () => import('./ctk/snapshotter-configure.js'),
          },
          status: {
            summary: 'shows whether containerd has the snapshotter, and whether that answers',
            load: () => import('./ctk/snapshotter-status.js'),
          },
          unconfigure: {
            summary: 'takes the snapshotter out of containerd again',
            load: () => import('./ctk/snapshotter-unconfigure.js'),
          },
        },
      },
      status: {
        summary: 'shows what is configured, and whether it would work',
        load: () => import('./ctk/status.js'),
      },
    },
  },
  gc: {
    group: 'layout',
    summary: 'removes the blobs that no tag leads to',
    load: () => import('./image/gc.js'),
  },
  hooks: {
    summary: 'shows, checks and calls hooks',
    description: 'Commands for those who write hooks. docs/hook-protocol.md describes them.',
    persona: 'layerhook',
    commands: {
      check: {
        summary: 'checks a hooks.toml, and shows what each hook would be called with',
        load: () => import('./hooks/check.js'),
      },
      install: {
        summary: 'makes podman and CRI-O call a hook of layerhook',
        load: () => import('./hooks/install.js'),
      },
      list: {
        aliases: ['ls'],
        summary: 'shows the lifecycle points, and who is asked at each',
        load: () => import('./hooks/list.js'),
      },
      run: {
        summary: 'calls the hooks of one point by hand',
        load: () => import('./hooks/run.js'),
      },
      uninstall: {
        summary: 'takes away what hooks install wrote',
        load: () => import('./hooks/uninstall.js'),
      },
    },
  },
  init: { group: 'layout', summary: 'makes an empty image layout', load: () => import('./image/init.js') },
  insert: {
    group: 'image',
    summary: 'adds a file or directory to an image, or deletes a path from it',
    load: () => import('./image/insert.js'),
  },
  list: {
    group: 'layout',
    summary: 'lists the tags of a layout',
    aliases: ['ls'],
    load: () => import('./image/list.js'),
  },
  new: { group: 'image', summary: 'makes an image without layers', load: () => import('./image/new.js') },
  raw: {
    summary: 'more than most users need',
    description: 'Commands that work on the parts of images and bundles.',
    commands: {
      'mtree-validate': {
        summary: 'checks a directory against an mtree manifest',
        load: () => import('./image/raw-mtree-validate.js'),
      },
    },
  },
  remove: {
    group: 'image',
    summary: 'removes a tag',
    aliases: ['rm'],
    load: () => import('./image/remove.js'),
  },
  repack: {
    group: 'image',
    summary: 'makes a layer of what changed in a bundle, and an image with it',
    load: () => import('./image/repack.js'),
  },
  snapshotter: {
    summary: 'serves the layer store to containerd',
    description: 'Commands for containerd. docs/snapshotter.md describes them.',
    persona: 'layerhook',
    commands: {
      health: {
        summary: 'asks a running snapshotter whether it can read its store',
        load: () => import('./snapshotter/health.js'),
      },
      serve: {
        summary: 'serves the layer store as a proxy snapshotter',
        load: () => import('./snapshotter/serve.js'),
      },
    },
  },
  stat: { group: 'image', summary: 'shows what an image is made of', load: () => import('./image/stat.js') },
  store: {
    summary: 'shows, verifies and frees the layers of the layer store',
    description: 'Commands for the store where drivers keep layers. docs/store.md describes it.',
    persona: 'layerhook',
    commands: {
      df: { summary: 'shows where the store is and what is free', load: () => import('./store/df.js') },
      du: { summary: 'shows what bundles and their layers take', load: () => import('./store/du.js') },
      gc: { summary: 'frees the layers that nothing needs', load: () => import('./store/gc.js') },
      list: { aliases: ['ls'], summary: 'lists the layers', load: () => import('./store/list.js') },
      remove: { aliases: ['rm'], summary: 'removes layers', load: () => import('./store/remove.js') },
      sync: { summary: 'writes the store to its disk', load: () => import('./store/sync.js') },
      verify: {
        summary: 'compares layers with what was extracted',
        load: () => import('./store/verify.js'),
      },
    },
  },
  tag: { group: 'image', summary: 'gives an image another tag', load: () => import('./image/tag.js') },
  unpack: {
    group: 'image',
    summary: 'unpacks an image into a runtime bundle',
    load: () => import('./image/unpack.js'),
  },
};
