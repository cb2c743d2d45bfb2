/** What is tried under faults on files of engines, and on files that a user installs. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { files, type View } from './look.js';
import { type Command, lh, type Place, succeedIn } from './place.js';
import type { Scenario } from './scenario.js';

const at = ({ root }: Place, name: string) => join(root, 'etc', name);
const texts = {
  'daemon.json': '{\n  "debug": true\n}\n',
  'config.toml': 'version = 2\n[grpc]\n  address = "/run/c.sock"\n',
  'crio.conf':
    '[crio.runtime]\ndefault_runtime = "true"\n[crio.runtime.runtimes.true]\nruntime_path = "/bin/true"\n',
};

const engines = [
  { runtime: 'docker', file: 'daemon.json', more: [] },
  { runtime: 'containerd', file: 'config.toml', more: ['--drop-in', '--default'] },
  { runtime: 'crio', file: 'crio.conf', more: ['--drop-in', '--default'] },
];

const runtime = (place: Place, verb: string, { runtime: name, file }: (typeof engines)[number]) => [
  'ctk',
  'runtime',
  verb,
  '--runtime',
  name,
  '--config-file',
  at(place, file),
];
const configure = (place: Place, engine: (typeof engines)[number]) =>
  lh(
    ...[...runtime(place, 'configure', engine), ...engine.more, '--runtime-path', '/bin/true'],
    ...['--path', resolve('hooks/layerhook-runtime')],
  );
const snapshotter = (place: Place, verb: string, ...more: string[]) =>
  lh('ctk', 'snapshotter', verb, '--config-file', at(place, 'config.toml'), ...more);
const hooks = ({ root }: Place, verb: string) =>
  lh('hooks', verb, 'archive-overlay', '--hooks-dir', join(root, 'etc/hooks.d'));

/** A command on the files of a directory. @param former commands before it */
function onFiles(
  name: string,
  command: (place: Place) => Command,
  former: (place: Place) => Command[] = () => [],
  more: Partial<Scenario> = {},
): Scenario {
  return {
    ...{ name, command, looks: [each], gc: () => [] },
    prepare: (place) => {
      mkdirSync(join(place.root, 'etc'));
      for (const [file, text] of Object.entries(texts)) writeFileSync(at(place, file), text);
      succeedIn(place, ...former(place));
    },
    // the repeated command removes temporary files; a record or a launcher alone changes nothing; a directory may be empty
    leaves: /^\/etc\/(.*\.tmp(\/.*)?|.*\.layerhook-(ctk|runtime).*|[^/]*\.d|bin)$/,
    ...more,
  };
}

/** The files that engines read. A name contains what the mode of a new file may differ by. */
function each(place: Place): View {
  const names = readdirSync(join(place.root, 'etc'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(place.root.length + 1));
  const read = names.filter((name) => !/\.tmp(\/|$)|\.layerhook-(ctk|runtime)/.test(name));
  return Object.assign({}, ...read.map((name) => files(name)(place))) as View;
}

export const ofInstalled: readonly Scenario[] = [
  ...engines.flatMap((engine) => [
    onFiles(`ctk runtime configure ${engine.runtime}`, (place) => configure(place, engine)),
    onFiles(
      `ctk runtime unconfigure ${engine.runtime}`,
      (place) => lh(...runtime(place, 'unconfigure', engine)),
      (place) => [configure(place, engine)],
    ),
  ]),
  onFiles('ctk snapshotter configure', (place) => snapshotter(place, 'configure', '--drop-in')),
  onFiles(
    'ctk snapshotter unconfigure',
    (place) => snapshotter(place, 'unconfigure', '--force'),
    (place) => [snapshotter(place, 'configure', '--drop-in')],
  ),
  onFiles('ctk config', (place) => lh('ctk', 'config', '--config-file', at(place, 'runtime.toml'))),
  onFiles('ctk install', (place) => lh('ctk', 'install', '--prefix', join(place.root, 'etc'))),
  onFiles('hooks install', (place) => hooks(place, 'install')),
  onFiles(
    'hooks uninstall',
    (place) => hooks(place, 'uninstall'),
    (place) => [hooks(place, 'install')],
  ),
  onFiles(
    'hooks new',
    ({ root }) => ({ ...lh('hooks', 'new', '--driver', '--lang', 'sh', 'mine'), cwd: join(root, 'etc') }),
    () => [],
    { done: /already exists/ },
  ),
];
