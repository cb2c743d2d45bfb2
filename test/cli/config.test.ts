import { execFileSync } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

/** A config with every field that `config` changes, and with one that layerhook does not know. */
const config = {
  author: 'another author',
  variant: 'v8',
  unknown: { stays: true },
  config: {
    User: 'old',
    Env: ['PATH=/bin', 'A=old', 'AB=stays'],
    Entrypoint: ['/old'],
    Cmd: ['old'],
    ExposedPorts: { '1/tcp': {} },
    Volumes: { '/old': {} },
    Labels: { old: 'label' },
    WorkingDir: '/old',
    StopSignal: 'SIGTERM',
  },
};

function imageOf(t: ExecutionContext) {
  const { layout, reference } = buildImage(t, [[{ name: 'a', content: 'a' }]], {
    edit: { config: (document) => void Object.assign(document, config) },
  });
  return { layout, reference };
}

const image = (layout: string) => resolveReference(openLayout(layout), 'latest');

const changes: Record<string, readonly string[]> = {
  nothing: [],
  user: ['--config.user', 'web:web'],
  'an empty user': ['--config.user='],
  environment: ['--config.env', 'A=new', '--config.env', 'B=', '--config.env', 'C=x=y'],
  'words that look like options': [
    '--config.cmd',
    '-c',
    '--config.cmd',
    '--help',
    '--config.entrypoint',
    '--',
  ],
  'an added port, volume and label': [
    ...['--config.exposedports', '8080/tcp', '--config.volume', '/data', '--config.label', 'new=label'],
  ],
  'a replaced label': ['--config.label', 'old=new'],
  'everything cleared': [
    ...['labels', 'env', 'exposedports', 'volume', 'cmd', 'entrypoint'].map(
      (name) => `--clear=config.${name}`,
    ),
    '--clear=manifest.annotations',
  ],
  'cleared before it is set': ['--config.env', 'ONLY=1', '--clear', 'config.env'],
  'directory, signal, author and time': [
    ...['--config.workingdir', '/srv', '--config.stopsignal', 'SIGKILL', '--author', 'me'],
    ...['--created', '2020-02-03T04:05:06+01:00'],
  ],
  platform: ['--os', 'linux', '--architecture', 'arm64'],
  'an empty architecture': ['--architecture', ''],
  annotations: ['--manifest.annotation', 'a=b', '--manifest.annotation', 'c=d=e'],
};

for (const [what, args] of Object.entries(changes)) {
  test(`config, ${what}: the image equals that of umoci`, (t) => {
    if (!requires(t, 'umoci')) return;
    const { layout, reference } = imageOf(t);
    const theirs = join(tmpdir(t), 'layout');
    cpSync(layout, theirs, { recursive: true });
    const history = ['--history.created', '2020-01-01T00:00:00Z', '--history.created_by', 'test'];
    t.deepEqual(runFile(mainFile, ['config', '--image', reference, ...args, ...history]), {
      ...{ status: 0, stdout: '', stderr: '' },
    });
    execFileSync('umoci', ['config', '--image', `${theirs}:latest`, ...args, ...history]);
    const [own, other] = [image(layout), image(theirs)];
    t.deepEqual(own.manifest.annotations, other.manifest.annotations);
    // umoci loses fields that it does not know
    const { unknown, variant, ...known } = own.config;
    t.deepEqual([unknown, variant], [config.unknown, config.variant]);
    const { variant: _, ...expected } = other.config;
    t.deepEqual(known, expected);
  });
}

test('config: the new tag has the change, the old tag and the layers stay', (t) => {
  const { layout, reference } = imageOf(t);
  const before = image(layout);
  const link = join(tmpdir(t), 'umoci');
  symlinkSync(mainFile, link);
  const args = ['config', '--image', reference, '--tag', 'new', '--platform.variant', 'v9', '--author', 'me'];
  t.is(runFile(link, args, { SOURCE_DATE_EPOCH: '1234567890' }).status, 0);
  t.deepEqual(image(layout).manifestDescriptor, before.manifestDescriptor);
  const changed = resolveReference(openLayout(layout), 'new');
  t.deepEqual(changed.manifest.layers, before.manifest.layers);
  t.is(changed.config.variant, 'v9');
  t.deepEqual(changed.config.history?.at(-1), {
    ...{ created: '2009-02-13T23:31:30Z', created_by: 'umoci config', author: 'me', empty_layer: true },
  });
  t.is(runFile(mainFile, ['config', '--image', `${layout}:new`, '--no-history', '--author=']).status, 0);
  const silent = resolveReference(openLayout(layout), 'new').config;
  t.is(silent.author, undefined);
  t.deepEqual(silent.history, changed.config.history);
});

const malformed: [args: string[], reason: RegExp][] = [
  [['--config.env', 'NAME'], /--config\.env "NAME" is malformed: expected NAME=VALUE/],
  [['--config.label', '=x'], /--config\.label "=x" is malformed/],
  [['--manifest.annotation', 'x'], /--manifest\.annotation "x" is malformed/],
  [['--clear', 'rootfs.diffids'], /unknown key to --clear: rootfs\.diffids; use config\.labels, /],
  [['--created', 'yesterday'], /--created yesterday is malformed; write a time such as /],
  [['--no-history', '--history.author', 'me'], /may not be specified together/],
  [['operand'], /invalid number of positional arguments/],
];

for (const [args, reason] of malformed) {
  test(`config ${args.join(' ')} is refused in one line, and changes nothing`, (t) => {
    const { layout, reference } = imageOf(t);
    const before = image(layout).manifestDescriptor;
    const { status, stderr } = runFile(mainFile, ['config', '--image', reference, ...args]);
    t.not(status, 0);
    t.regex(stderr, reason);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.deepEqual(image(layout).manifestDescriptor, before);
  });
}
