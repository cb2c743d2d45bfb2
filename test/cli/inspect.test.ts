import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { inspectImage } from '../../src/index.js';
import { layerhook, refused, succeed } from '../helpers/cli.js';
import { type BuiltImage, buildImage } from '../helpers/image.js';
import fc from '../helpers/properties.js';
import { requires } from '../helpers/requires.js';
import type { RawEntry } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';
import { dir, file, hardlink, symlink } from '../layer/apply/harness.js';
import { anyLayers, modelTree } from '../overlay/any-layers.js';

const kib = (count: number) => 'x'.repeat(count * 1024);

/** Files that upper layers replace, delete, add again, link and change the mode of. */
const layers: RawEntry[][] = [
  [
    dir('etc'),
    file('etc/replaced', kib(4)),
    file('etc/deleted', kib(3)),
    file('etc/again', kib(2)),
    file('etc/mode', kib(1)),
    file('etc/linked', kib(8)),
    hardlink('etc/link', 'etc/linked'),
    dir('cache'),
    file('cache/a', kib(5)),
    file('cache/b', kib(6)),
  ],
  [
    dir('etc', { mode: 0o700 }),
    file('etc/replaced', kib(7)),
    file('etc/.wh.deleted'),
    file('etc/.wh.again'),
    file('etc/.wh.linked'),
    file('.wh.cache'),
    file('twice', kib(9)),
    file('twice', kib(1)),
  ],
  [
    file('etc/again', kib(2)),
    file('etc/mode', kib(1), { mode: 0o755 }),
    hardlink('etc/more', 'etc/link'),
    symlink('etc/symlink', 'again'),
  ],
];

interface Amount {
  count: number;
  bytes: number;
}
interface Layer {
  digest: string;
  diffID: string;
  createdBy: string;
  compressed: number;
  uncompressed: number;
  files: Amount;
  added: Amount;
  changed: Amount;
  deleted: Amount;
  wastes: number;
  wasted: number;
}

async function inspect(t: ExecutionContext, ...args: string[]) {
  return JSON.parse(await succeed(t, layerhook(['inspect', '--json', ...args])));
}

/** Bytes of a layer's uncompressed tar. */
function tarOf(image: BuiltImage, at: number): Buffer {
  return gunzipSync(readFileSync(image.blob(image.manifest.layers[at]!.digest)));
}

test('inspect tells what each layer does, in exact figures', async (t) => {
  const built = buildImage(t, layers);
  const image = await inspect(t, built.reference);
  const k = (count: number, units: number): Amount => ({ count, bytes: units * 1024 });
  t.deepEqual(
    image.layers.map(({ files, added, changed, deleted, wastes, wasted }: Layer) => {
      return { files, added, changed, deleted, wastes: wastes / 1024, wasted: wasted / 1024 };
    }),
    [
      { files: k(7, 29), added: k(10, 29), changed: k(0, 0), deleted: k(0, 0), wastes: 0, wasted: 21 },
      // etc is changed too; a name of a file that keeps another one frees nothing
      { files: k(3, 17), added: k(1, 1), changed: k(2, 7), deleted: k(6, 16), wastes: 20, wasted: 9 },
      { files: k(2, 3), added: k(3, 2), changed: k(1, 1), deleted: k(0, 0), wastes: 1, wasted: 0 },
    ],
  );
  for (const [at, { digest, size }] of built.manifest.layers.entries()) {
    const { compressed, uncompressed, createdBy, ...layer }: Layer = image.layers[at];
    t.deepEqual([layer.digest, compressed, createdBy], [digest, size, 'test']);
    t.deepEqual([layer.diffID, uncompressed], [built.config.rootfs.diff_ids[at]!, tarOf(built, at).length]);
  }
  t.is(image.wastedBytes, 30 * 1024);
  t.is(image.wastedPercent, 30 / 49);
  t.is(image.bytes, 19 * 1024);
  t.is(image.paths, 9);
  // smallest: replaced 4, deleted 0, again 0, mode 1, linked 0, cache/a 5, cache/b 6, cache 11, twice 1
  t.is(image.efficiency, (4 + 1 + 5 + 6 + 11 + 1) / (11 + 3 + 4 + 2 + 8 + 5 + 6 + 11 + 1));
  t.deepEqual(image.largestFiles.slice(0, 2), [
    { path: 'etc/link', bytes: 8192 },
    { path: 'etc/replaced', bytes: 7168 },
  ]);
  t.deepEqual(image.largestDirectories, [{ path: 'etc', bytes: 18 * 1024 }]);
  t.deepEqual(
    image.wastedPaths.map(({ path, bytes, copies }: { path: string; bytes: number; copies: number }) => {
      return `${path} ${bytes / 1024} ${copies}`;
    }),
    ['cache/b 6 1', 'cache/a 5 1', 'etc/replaced 4 1', 'etc/deleted 3 1', 'etc/again 2 1', 'etc/mode 1 1'],
  );
  t.is((await inspect(t, '--top', '1', built.reference)).wastedPaths.length, 1);
});

test('the text names the layers, and quotes hostile names and commands', async (t) => {
  const { reference } = buildImage(t, [[file('odd \x1b[31m\n\xff', kib(1))], [file('plain', kib(2))]], {
    edit: {
      config: ({ history }) => {
        history![0]!.created_by = 'RUN \x1b[2J';
      },
    },
  });
  const text = await succeed(t, layerhook(['inspect', reference]));
  t.regex(
    text,
    /^LAYER +DIGEST +COMPRESSED +TAR +ADDED +CHANGED +DELETED +WASTED +CREATED BY\n0 .*"RUN \\x1b\[2J"\n1 /,
  );
  t.regex(text, /^ {4}1\.0 kB {2}"odd \\x1b\[31m\\x0a\\xff"$/m);
  t.regex(text, /^efficiency +100\.00 %$/m);
  const [, odd] = (await inspect(t, reference)).largestFiles;
  t.is(Buffer.from(odd.pathBase64, 'base64').toString('latin1'), 'odd \x1b[31m\n\xff');
});

test('--ci prints a line for each broken rule, and exits with status 1', async (t) => {
  const { reference } = buildImage(t, layers);
  const ci = (...args: string[]) => layerhook(['inspect', '--ci', ...args, reference]);
  const { status, stdout } = await ci('--highest-wasted-bytes', '10KiB');
  t.is(status, 1);
  t.is(
    stdout,
    `efficiency 0.5490 is below 0.9 (--lowest-efficiency)
30720 bytes are wasted, more than 10240 (--highest-wasted-bytes)
0.6122 of all bytes is wasted, more than 0.1 (--highest-wasted-percent)
`,
  );
  const loose = ['--lowest-efficiency', '0.5', '--highest-wasted-percent', '0.7'];
  t.is(await succeed(t, ci(...loose, '--highest-wasted-bytes', '30KiB')), '');
  const failed = await ci('--json', ...loose, '--highest-wasted-bytes', '1');
  t.is(failed.status, 1);
  t.deepEqual(JSON.parse(failed.stdout).failed, [{ rule: 'highestWastedBytes', value: 30720, limit: 1 }]);
  await refused(
    t,
    ci('--lowest-efficiency', '2'),
    /invalid value --lowest-efficiency 2; write a number from 0/,
  );
  await refused(t, ci('--highest-wasted-bytes', 'much'), /invalid size --highest-wasted-bytes much/);
  await refused(t, ci('--top', '-1'), /--top/);
  await refused(t, layerhook(['inspect', '--lowest-efficiency', '1', reference]), /needs --ci/);
});

test('--html writes the page to a file or standard output, beside --ci and --json', async (t) => {
  const { reference } = buildImage(t, layers);
  const path = join(tmpdir(t), 'page.html');
  const run = (...args: string[]) => layerhook(['inspect', '--html', ...args, reference]);
  t.is(await succeed(t, run(path)), '');
  const page = readFileSync(path, 'utf8');
  t.is(await succeed(t, run('-')), `${page}\n`);
  const { status, stdout } = await run(path, '--ci');
  t.is(status, 1);
  t.regex(stdout, /^efficiency 0\.5490 is below/);
  t.is(JSON.parse(await succeed(t, run(path, '--json'))).layers.length, 3);
  t.is(readFileSync(path, 'utf8'), page);
  for (const other of ['--ci', '--json'])
    await refused(t, run('-', other), /--html - is mutually exclusive with --ci and --json/);
  await refused(t, layerhook(['inspect', '--against', reference, reference]), /--against needs --html/);
  await refused(t, run(join(path, 'below')), /cannot write .*below/);
  await refused(t, run(path, '--against', `${reference}-nope`), /tag latest-nope is not in/);
});

test('an image without layers has nothing wasted', async (t) => {
  const { reference } = buildImage(t, []);
  t.is(await succeed(t, layerhook(['inspect', '--ci', reference])), '');
  t.like(await inspect(t, reference), {
    efficiency: 1,
    wastedBytes: 0,
    wastedPercent: 0,
    paths: 1,
    layers: [],
  });
});

test('the figures of any image agree with ls-files, and with the listings of GNU tar', async (t) => {
  if (!requires(t, 'tar')) return;
  const images = fc.sample(
    anyLayers().filter((layers) => modelTree(layers) !== null),
    6,
  );
  for (const layers of images) {
    const built = buildImage(t, layers);
    const { reference } = built;
    const rows = JSON.parse(await succeed(t, layerhook(['ls-files', '--json', reference])));
    const image = await inspectImage({ image: reference, top: 0 });
    const sum = (of: (layer: (typeof image.layers)[number]) => number) =>
      image.layers.reduce((all, layer) => all + of(layer), 0);
    t.is(1 + sum(({ added, deleted }) => added.count - deleted.count), rows.length);
    t.is(image.paths, rows.length);
    for (const { layer, files } of image.layers) {
      const path = join(tmpdir(t), 'layer.tar');
      writeFileSync(path, tarOf(built, layer));
      t.deepEqual(files, tarFiles(path), reference);
    }
    // every byte of a tar is in the image or wasted; a file with several names is in one of its rows
    t.is(
      image.bytes,
      sum(({ files, wasted }) => files.bytes - wasted),
    );
    const single = rows.filter(({ links = 1 }: { links?: number }) => links === 1);
    const linked = rows.filter(({ links = 1 }: { links?: number }) => links > 1);
    const bytes = (some: { size?: number; links?: number }[]) =>
      some.reduce((all, { size = 0, links = 1 }) => all + size / links, 0);
    t.is(Math.round(bytes(single) + bytes(linked)), image.bytes);
  }
});

/** Regular files of a tar as GNU tar lists them, without whiteouts. */
function tarFiles(path: string): Amount {
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', path], { encoding: 'utf8', stdio: 'pipe' });
  const files = listed.split('\n').filter((line) => line.startsWith('-') && !/[ /]\.wh\./.test(line));
  return {
    count: files.length,
    bytes: files.reduce((all, line) => all + Number(line.trim().split(/ +/)[2]), 0),
  };
}
