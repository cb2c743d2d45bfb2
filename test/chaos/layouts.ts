/** What is tried under faults on a layout, and on the files that commands make of an image. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeImage } from '../../src/testing/image.js';
import { tar } from '../helpers/tar.js';
import { layers } from './image.js';
import { files, tags, type View } from './look.js';
import { type Command, lh, type Place, succeedIn } from './place.js';
import type { Scenario } from './scenario.js';

const latest = ({ layout }: Place) => `${layout}:latest`;
const other = ({ root }: Place) => join(root, 'other');

/** A layout with an image, with blobs that nothing names, and files to put into images. */
function prepare(place: Place): void {
  writeImage(place.layout, layers, {});
  writeFileSync(join(place.root, 'in'), 'inserted');
  mkdirSync(join(place.root, 'tars'));
  writeFileSync(join(place.root, 'tars/a.tar'), tar([{ name: 'imported', content: 'imported' }]));
  succeedIn(place, ...addTag(place, 'other'), lh('rm', '--image', `${place.layout}:other`));
}

const addTag = (place: Place, tag: string) => [
  lh('config', '--image', latest(place), '--tag', tag, '--author', tag),
];

function onLayout(
  name: string,
  command: (place: Place) => Command,
  { more, ...rest }: Partial<Scenario> & { more?: (place: Place) => Command[] } = {},
): Scenario {
  return {
    ...{ name, command, looks: [tags], gc: ({ layout }) => [lh('gc', '--layout', layout)] },
    prepare: (place) => {
      prepare(place);
      if (more) succeedIn(place, ...more(place));
    },
    ...rest,
  };
}

/** A command that makes the tag `new` of the tag `latest`. */
const making = (name: string, ...args: string[]) =>
  onLayout(name, (place) => lh(...name.split(' '), '--image', latest(place), '--tag', 'new', ...args));

/** The image of an index, and the index. */
const indexed = (place: Place) => [lh('index', 'add', '--image', `${place.layout}:multi`, latest(place))];

export const ofLayouts: readonly Scenario[] = [
  onLayout('tag', (place) => lh('tag', '--image', latest(place), 'new')),
  onLayout('config', (place) =>
    lh('config', '--image', latest(place), '--config.env', 'A=b', '--no-history'),
  ),
  onLayout('insert', (place) =>
    lh('insert', '--image', latest(place), '--tag', 'new', join(place.root, 'in'), '/in'),
  ),
  onLayout('new', ({ layout }) => lh('new', '--image', `${layout}:new`)),
  onLayout('gc', ({ layout }) => lh('gc', '--layout', layout)),
  onLayout('remove', ({ layout }) => lh('rm', '--image', `${layout}:second`), {
    more: (place) => addTag(place, 'second'),
    done: /second/,
  }),
  making('flatten'),
  making('squash', '--from', '1'),
  onLayout('rebase', (place) =>
    lh(
      ...['rebase', '--tag', 'new', '--old', latest(place), '--new', latest(place), '--image', latest(place)],
    ),
  ),
  onLayout('import', ({ root, layout }) =>
    lh('import', '--image', `${layout}:new`, join(root, 'tars/a.tar')),
  ),
  onLayout('raw add-layer', (place) =>
    lh('raw', 'add-layer', '--image', latest(place), '--tag', 'new', join(place.root, 'tars/a.tar')),
  ),
  onLayout('index add', (place) => indexed(place)[0]!),
  onLayout('index remove', (place) => lh('index', 'rm', '--image', `${place.layout}:multi`, 'linux/amd64'), {
    more: (place) => [
      ...indexed(place),
      lh('config', '--image', latest(place), '--tag', 'arm', '--architecture', 'arm64'),
      lh('index', 'add', '--image', `${place.layout}:multi`, `${place.layout}:arm`),
    ],
    done: /linux\/amd64/,
  }),
  {
    name: 'init',
    prepare: () => {},
    command: ({ layout }) => lh('init', '--layout', layout),
    looks: [tags],
    gc: () => [],
    leaves: /^\/layout/,
    done: /already exists/,
  },
  onLayout('copy', (place) => lh('copy', latest(place), other(place)), {
    looks: [tags, ofOther],
    // a layout that is not complete cannot be named
    gc: (place) => (existsSync(join(other(place), 'oci-layout')) ? [lh('gc', '--layout', other(place))] : []),
    leaves: /^\/other/,
  }),
];

/** The tags of the layout that an image is copied to. */
function ofOther(place: Place): View {
  const view = tags({ ...place, layout: other(place) });
  return Object.fromEntries(Object.entries(view).map(([name, value]) => [`other ${name}`, value]));
}

/** Commands that make files or directories beside the layout. */
export const exports: readonly Scenario[] = [
  onLayout(
    'export',
    (place) => lh('export', '--image', latest(place), '--output', join(place.root, 'out.tar')),
    {
      looks: [tags, files('out.tar')],
      leaves: /^\/\.layerhook-/,
    },
  ),
  onLayout('copy to an archive', (place) => lh('copy', latest(place), `oci-archive:${place.root}/out.tar`), {
    looks: [tags, files('out.tar')],
    // a copy that finds everything there writes nothing, and sweeps nothing
    gc: ({ root }) =>
      existsSync(join(root, 'out.tar')) ? [lh('gc', '--layout', `oci-archive:${root}/out.tar`)] : [],
    leaves: /^\/\.layerhook-/,
  }),
  onLayout(
    'raw unpack',
    (place) => lh('raw', 'unpack', '--image', latest(place), join(place.root, 'rootfs')),
    {
      looks: [tags, files('rootfs')],
      leaves: /^\/\.rootfs\./,
      done: /rootfs.* it has /,
    },
  ),
  onLayout(
    'runtime config',
    (place) => lh('raw', 'runtime-config', '--image', latest(place), join(place.root, 'config.json')),
    { looks: [tags, files('config.json')], leaves: /^\/\.layerhook-/ },
  ),
  onLayout(
    'inspect --html',
    (place) => lh('inspect', '--html', join(place.root, 'page.html'), latest(place)),
    { looks: [tags, files('page.html')], leaves: /^\/\.layerhook-/ },
  ),
];
