/** The consoles of the documents: each command runs, and prints what the document shows, except for numbers and digests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ImageConfig } from '../../src/image/types.js';
import { dir, file } from '../../src/testing/entries.js';
import { writeImage } from '../../src/testing/image.js';
import { run } from '../helpers/cli.js';
import { writeImageFor } from '../helpers/image.js';
import { onOwnMachine, ownHome } from '../helpers/own-machine.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';

interface Shown {
  command: string;
  output: string;
}

/** Returns the commands of the blocks that begin with one of the given words. */
function consoles(document: string): Shown[] {
  const blocks = [...readFileSync(document, 'utf8').matchAll(/```console\n([\s\S]*?)```/g)];
  return blocks.flatMap(([, text]) =>
    text!
      .split(/^# /m)
      .slice(1)
      .map((part) => {
        const [, command, output] = /^((?:.*\\\n)*.*)\n([\s\S]*)$/.exec(part)!;
        return { command: command!, output: output! };
      }),
  );
}

/** Replaces what differs between images and machines: numbers with their units, digests, and the width of columns. */
function shape(text: string): string {
  return text
    .replaceAll(/^layerhook: layer \d+\/\d+ .*\n/gm, '')
    .replaceAll(/(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{12}|[0-9a-f]{4}…)(?![0-9a-f])/g, 'DIGEST')
    .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, 'TIME')
    .replaceAll(/\d[\d,.]*(?: (?:[kMG]?B|%))?/g, 'N')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

async function runConsole(t: ExecutionContext, setUp: string, shown: readonly Shown[]): Promise<void> {
  const commands = shown.map(({ command }) => `echo '---command'\n{ ${command}\n} 2>&1 < /dev/null`);
  const script = ['set +x', setUp, 'set +eu', ...commands, ''].join('\n');
  const [program, ...args] = onOwnMachine(t, script);
  const env = { XDG_CONFIG_HOME: '/nonexistent', ...ownHome(t, 'localhost') };
  const { stdout, stderr } = await run(program, args, { env });
  const outputs = stdout.split('---command\n').slice(1);
  t.is(outputs.length, shown.length, stdout + stderr);
  for (const [at, { command, output }] of shown.entries()) {
    const [expected, found] = [shape(output), shape(outputs[at]!)];
    // the documents leave out the end of a long output
    const start = expected.replace(/ …$/, '');
    t.is(start === expected ? found : found.slice(0, start.length), start, command);
  }
}

test('the consoles of the README', async (t) => {
  if (!requires(t, 'root', 'unshare', 'jq')) return;
  const place = tmpdir(t);
  const layer = [dir('etc'), file('etc/motd', 'Hello.\n'), dir('usr/bin'), file('usr/bin/wall', 'a program')];
  writeImage(join(place, 'images'), [layer], { tag: 'debian' });
  const readme = readFileSync('README.md', 'utf8');
  const patch = /^layerhook unpack --image images:debian patch\n[\s\S]*?(?=layerhook diff)/m.exec(readme)![0];
  const [, toml] = /```toml\n([\s\S]*?)```/.exec(readme)!;
  const [, program] = /```sh\n(#!\/bin\/sh[\s\S]*?)```/.exec(readme)!;
  const setUp = `
cp -r ${place}/images .
mkdir -p /usr/local/libexec
cat > /usr/local/libexec/tell-layer << 'END'
${program}END
chmod +x /usr/local/libexec/tell-layer
cat > hooks.toml << 'END'
${toml}END
${patch}`;
  await runConsole(t, setUp, consoles('README.md'));
});

test('the consoles of docs/images.md', async (t) => {
  if (!requires(t, 'root', 'unshare', 'skopeo')) return;
  const place = tmpdir(t);
  const layers = [
    [file('usr/bin/bash', 'bash'.repeat(1000)), file('usr/bin/ls', 'ls'.repeat(1000))],
    [file('usr/bin/cat', 'cat')],
    [file('usr/bin/.wh.cat')],
  ];
  const byInsert = ({ history }: ImageConfig) => {
    for (const entry of history!) entry.created_by = 'layerhook insert';
  };
  writeImage(join(place, 'image'), layers, { tag: 'changed', edit: { config: byInsert } });
  writeImage(join(place, 'image'), layers.slice(0, 1), { tag: 'base' });
  writeImage(join(place, 'other'), layers, { tag: 'amd64' });
  writeImageFor('arm64', join(place, 'arm'), 'arm');
  const setUp = `
cp -r ${place}/. .
skopeo copy --quiet oci:image:base docker-archive:saved.tar:localhost/x:1
layerhook copy arm:arm oci-archive:arm.tar`;
  const [first, second, ...rest] = consoles('docs/images.md');
  // the second block continues with another layout of the same name
  await runConsole(t, setUp, [
    first!,
    second!,
    { command: 'layerhook copy other:amd64 images:amd64', output: '' },
    ...rest,
  ]);
});
