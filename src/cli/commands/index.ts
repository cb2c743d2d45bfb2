import type { CommandTable } from '../command.js';

/**
 * All commands: each has a row in this table and a file below this folder. Only the file of the command that runs is
 * loaded. A summary is an imperative without a full stop.
 */
export const commands: CommandTable = {
  bundle: {
    summary: 'mount, unmount, list and remove bundles',
    description: 'Commands for bundles that unpack has created.',
    persona: 'layerhook',
    commands: {
      list: {
        aliases: ['ls'],
        summary: 'list the bundles of the layer store',
        load: () => import('./bundle/list.js'),
      },
      mount: {
        summary: 'mount the rootfs of bundles again, for instance after a reboot',
        load: () => import('./bundle/mount.js'),
      },
      remove: {
        aliases: ['rm'],
        summary: 'remove bundles with their changes',
        load: () => import('./bundle/remove.js'),
      },
      umount: {
        aliases: ['unmount'],
        summary: 'unmount bundles and keep their changes',
        load: () => import('./bundle/umount.js'),
      },
    },
  },
  cat: {
    group: 'image',
    summary: 'write a file of an image to standard output',
    persona: 'layerhook',
    load: () => import('./image/cat.js'),
  },
  completion: {
    summary: 'print the script that makes a shell complete commands and options',
    persona: 'layerhook',
    load: () => import('./completion/completion.js'),
  },
  config: {
    group: 'image',
    summary: 'change the config of an image and the annotations of its manifest',
    load: () => import('./image/config.js'),
  },
  copy: {
    group: 'image',
    summary: 'copy an image or an index to another layout',
    aliases: ['cp'],
    load: () => import('./image/copy.js'),
  },
  ctk: {
    summary: 'configure docker, containerd and CRI-O to use layerhook-runtime and the layer store',
    description: `Commands that install layerhook-runtime and add it to container engines
(docs/runtime.md), and that add the layer store to containerd as a
snapshotter (docs/snapshotter.md).`,
    persona: 'layerhook',
    commands: {
      config: {
        summary: 'write the settings of layerhook-runtime',
        load: () => import('./ctk/config.js'),
      },
      install: { summary: 'install layerhook-runtime', load: () => import('./ctk/install.js') },
      runtime: {
        summary: 'add the runtime to an engine, or remove it',
        description: 'Commands that change the configuration of docker, containerd or CRI-O.',
        commands: {
          configure: { summary: 'add the runtime to an engine', load: () => import('./ctk/configure.js') },
          unconfigure: {
            summary: 'remove the runtime from an engine',
            load: () => import('./ctk/unconfigure.js'),
          },
        },
      },
      snapshotter: {
        summary: 'add the layer store to containerd, or remove it',
        description: "Commands that change containerd's configuration. See docs/snapshotter.md.",
        commands: {
          configure: {
            summary: 'add the layer store to containerd as a proxy snapshotter',
            load: () => import('./ctk/snapshotter-configure.js'),
          },
          status: {
            summary: 'show whether containerd has the snapshotter, and whether the snapshotter answers',
            load: () => import('./ctk/snapshotter-status.js'),
          },
          unconfigure: {
            summary: 'remove the snapshotter from containerd',
            load: () => import('./ctk/snapshotter-unconfigure.js'),
          },
        },
      },
      status: {
        summary: 'show which engines are configured, and whether the runtime would work',
        load: () => import('./ctk/status.js'),
      },
    },
  },
  diff: {
    group: 'image',
    summary: 'list how the files of two images, or of an image and a bundle, differ',
    persona: 'layerhook',
    load: () => import('./image/diff.js'),
  },
  doctor: {
    summary: 'show what layerhook can use on this machine, and what is missing',
    persona: 'layerhook',
    load: () => import('./doctor/doctor.js'),
  },
  export: {
    group: 'image',
    persona: 'layerhook',
    summary: 'write the root filesystem of an image as one tar',
    load: () => import('./image/export.js'),
  },
  flatten: {
    group: 'image',
    persona: 'layerhook',
    summary: 'make one layer of all layers of an image',
    load: () => import('./image/flatten.js'),
  },
  gc: {
    group: 'layout',
    summary: 'remove the blobs that no tag refers to',
    load: () => import('./image/gc.js'),
  },
  hooks: {
    summary: 'list, check and call hooks',
    description: 'Commands for authors of hooks. See docs/hook-protocol.md.',
    persona: 'layerhook',
    commands: {
      check: {
        summary: 'check a hooks.toml, and show the calls that its hooks would get',
        load: () => import('./hooks/check.js'),
      },
      install: {
        summary: 'configure podman and CRI-O to call a hook of layerhook',
        load: () => import('./hooks/install.js'),
      },
      list: {
        aliases: ['ls'],
        summary: 'list the lifecycle points and the hooks at each',
        load: () => import('./hooks/list.js'),
      },
      new: {
        summary: 'write the skeleton of a hook or a driver, with its test',
        load: () => import('./hooks/new.js'),
      },
      run: {
        summary: 'call the hooks of one lifecycle point by hand',
        load: () => import('./hooks/run.js'),
      },
      uninstall: {
        summary: 'remove the file that hooks install wrote',
        load: () => import('./hooks/uninstall.js'),
      },
    },
  },
  import: {
    group: 'image',
    persona: 'layerhook',
    summary: 'make an image of a tar of a root filesystem',
    load: () => import('./image/import.js'),
  },
  index: {
    group: 'image',
    summary: 'make and change image indexes, which have an image for each platform',
    description: 'Commands for image indexes. See docs/images.md.',
    persona: 'layerhook',
    commands: {
      add: { summary: 'add images to an index, or create it', load: () => import('./index/add.js') },
      list: {
        aliases: ['ls'],
        summary: 'list the images of an index',
        load: () => import('./index/list.js'),
      },
      remove: {
        aliases: ['rm'],
        summary: 'remove images from an index',
        load: () => import('./index/remove.js'),
      },
    },
  },
  init: { group: 'layout', summary: 'create an empty image layout', load: () => import('./image/init.js') },
  insert: {
    group: 'image',
    summary: 'add a file or directory to an image, or delete a path from an image',
    load: () => import('./image/insert.js'),
  },
  inspect: {
    group: 'image',
    summary: 'show what each layer of an image does, what is large, and what is wasted',
    persona: 'layerhook',
    load: () => import('./image/inspect.js'),
  },
  list: {
    group: 'layout',
    summary: 'list the tags of a layout',
    aliases: ['ls'],
    load: () => import('./image/list.js'),
  },
  'ls-files': {
    group: 'image',
    summary: 'list the files of an image, or of one of its layers',
    persona: 'layerhook',
    load: () => import('./image/ls-files.js'),
  },
  new: { group: 'image', summary: 'create an image without layers', load: () => import('./image/new.js') },
  raw: {
    summary: 'work on parts of images and bundles (advanced)',
    description: 'Commands that work on parts of images and bundles. Few users need them.',
    commands: {
      'add-layer': {
        summary: 'add a tar to an image as a layer, unchanged',
        load: () => import('./image/raw-add-layer.js'),
      },
      'compare-trees': {
        summary: 'list how a directory tree differs from another one',
        load: () => import('./raw/compare-trees.js'),
      },
      'mtree-validate': {
        summary: 'compare a directory with an mtree manifest',
        load: () => import('./raw/mtree-validate.js'),
      },
      'overlay-tar': {
        summary: 'convert the tar of a layer to the form of overlayfs',
        load: () => import('./raw/overlay-tar.js'),
      },
      'upperdir-changes': {
        summary: 'list what the upperdir of an overlay changes',
        load: () => import('./raw/upperdir-changes.js'),
      },
      'runtime-config': {
        aliases: ['config'],
        summary: 'generate the config.json of a container of an image',
        load: () => import('./image/raw-runtime-config.js'),
      },
      unpack: {
        summary: 'unpack the layers of an image into a directory, without a bundle',
        load: () => import('./image/raw-unpack.js'),
      },
    },
  },
  rebase: {
    group: 'image',
    persona: 'layerhook',
    summary: 'replace the base layers of an image by those of another base',
    load: () => import('./image/rebase.js'),
  },
  remove: {
    group: 'image',
    summary: 'remove a tag from a layout',
    aliases: ['rm'],
    load: () => import('./image/remove.js'),
  },
  repack: {
    group: 'image',
    summary: 'create a layer of the changes in a bundle, and an image with that layer',
    load: () => import('./image/repack.js'),
  },
  snapshotter: {
    summary: 'serve the layer store to containerd',
    description: 'Commands for containerd. See docs/snapshotter.md.',
    persona: 'layerhook',
    commands: {
      health: {
        summary: 'check that a running snapshotter can read its store',
        load: () => import('./snapshotter/health.js'),
      },
      serve: {
        summary: 'serve the layer store as a proxy snapshotter',
        load: () => import('./snapshotter/serve.js'),
      },
    },
  },
  squash: {
    group: 'image',
    persona: 'layerhook',
    summary: 'make one layer of the upper layers of an image',
    load: () => import('./image/squash.js'),
  },
  stat: {
    group: 'image',
    summary: 'show the manifest, config and history of an image',
    load: () => import('./image/stat.js'),
  },
  store: {
    summary: 'list, verify and remove the layers of the layer store',
    description: 'Commands for the store where drivers keep layers. See docs/store.md.',
    persona: 'layerhook',
    commands: {
      df: {
        summary: 'show where the store is and how much space is free',
        load: () => import('./store/df.js'),
      },
      du: { summary: 'show the disk usage of bundles and their layers', load: () => import('./store/du.js') },
      export: {
        summary: 'write the tar of a layer that is an EROFS image',
        load: () => import('./store/export.js'),
      },
      gc: { summary: 'remove the layers that no bundle needs', load: () => import('./store/gc.js') },
      list: { aliases: ['ls'], summary: 'list the layers', load: () => import('./store/list.js') },
      remove: { aliases: ['rm'], summary: 'remove layers', load: () => import('./store/remove.js') },
      sync: { summary: 'flush the store to its disk', load: () => import('./store/sync.js') },
      verify: {
        summary: 'compare layers with the content that was extracted',
        load: () => import('./store/verify.js'),
      },
    },
  },
  tag: { group: 'image', summary: 'add a tag to an image', load: () => import('./image/tag.js') },
  unpack: {
    group: 'image',
    summary: 'unpack an image into a runtime bundle',
    load: () => import('./image/unpack.js'),
  },
  validate: {
    group: 'layout',
    summary: 'check every document and blob of a layout or an image',
    persona: 'layerhook',
    load: () => import('./image/validate.js'),
  },
};
