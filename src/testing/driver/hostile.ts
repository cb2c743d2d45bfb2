import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLayerhookError } from '../../errors/index.js';
import { type CaseWords, expect, expectTree } from '../case.js';
import { dir, file, hardlink, symlink } from '../entries.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import { describeContent } from '../tree.js';
import type { DriverCase } from './harness.js';
import { driverCase, type MadeBundle, type Workshop } from './workshop.js';

interface HostileCase extends Pick<CaseWords, 'name' | 'source'> {
  /** @param outside path of a directory of the host with `secret` and `sub/secret` in it */
  layers(outside: string): RawEntry[][];
}

const up = '../'.repeat(20);
const secret = 'a secret of the host';

const cases: HostileCase[] = [
  {
    name: 'names that lead out by .. or by being absolute',
    source: 'CVE-2001-1267 (GNU tar): names are cleaned, then taken from the root',
    layers: (outside) => [
      [file(`${up}${outside}/secret`, 'x'), file(`${outside}/sub/secret`, 'x'), file('../escaped', 'x')],
      [file(`${up}${outside}/.wh.secret`)],
    ],
  },
  {
    name: 'a file through an absolute symlink of its own layer',
    source: 'the oldest escape of all; umoci resolves parents inside the root',
    layers: (outside) => [[symlink('l', outside), file('l/secret', 'x'), file('l/new', 'x')]],
  },
  {
    name: 'a file through a symlink of a lower layer',
    source: 'the same in two layers: what lower layers have is hostile too',
    layers: (outside) => [[symlink('l', outside)], [file('l/secret', 'x'), dir('l/sub', { mode: 0o777 })]],
  },
  {
    name: 'a file through a chain of relative symlinks',
    source: 'symlink(7)',
    layers: (outside) => [
      [dir('d'), symlink('d/a', '../b'), symlink('b', `c/${up}`), dir('c')],
      [file(`d/a/${outside}/secret`, 'x'), file(`b/${outside}/new`, 'x')],
    ],
  },
  {
    name: 'a parent directory that a symlink replaces in the middle of the layer',
    source: 'CVE-2021-32803 (node-tar): nothing remembered of a path may outlive its replacement',
    layers: (outside) => [
      [dir('d'), file('d/ok', 'x'), symlink('d', outside), file('d/secret', 'x'), file('d/new', 'x')],
    ],
  },
  {
    name: 'a parent directory that a symlink replaces in a higher layer',
    source: 'CVE-2021-32803 (node-tar), in three layers',
    layers: (outside) => [
      [dir('d'), dir('d/sub'), file('d/sub/x')],
      [symlink('d', outside)],
      [file('d/sub/secret', 'x'), file('d/sub/new', 'x')],
    ],
  },
  {
    name: 'directories that no layer lists, below a symlink of a lower layer',
    source: 'who settles metadata of unlisted directories must not take those of the host',
    layers: (outside) => [[symlink('l', outside)], [file('l/sub/deep/f', 'x')], [file('l/sub/g', 'x')]],
  },
  {
    name: 'whiteouts and opaque markers through a symlink',
    source: 'umoci repack: old -> /etc, then old/.wh.x',
    layers: (outside) => [
      [symlink('l', outside), symlink('m', `${up}${outside}`)],
      [file('l/.wh.secret'), file('m/.wh..wh..opq'), file('m/sub/.wh.secret')],
    ],
  },
  {
    name: 'a hardlink to a file of the host',
    source: 'CVE-2021-32760 (containerd), CVE-2026-23745 (node-tar): targets are taken from the root',
    layers: (outside) => [
      [{ ...hardlink('h', `${outside}/secret`), mode: 0o777, uid: 3 }],
      [file('h', 'x', { mode: 0o777 })],
    ],
  },
  {
    name: 'a hardlink through a symlink of a lower layer to a file of the host',
    source: 'who settles hardlinks to lower layers must resolve them in the root',
    layers: (outside) => [
      [symlink('l', outside), symlink('s', `${outside}/secret`)],
      [hardlink('h', 'l/secret')],
    ],
  },
  {
    name: 'a hardlink to a symlink of a lower layer to a file of the host, then changed',
    source: 'link(2): the name is another one of the symlink',
    layers: (outside) => [
      [symlink('s', `${outside}/secret`)],
      [hardlink('h', 's')],
      [file('h', 'x', { mode: 0o777 })],
    ],
  },
  {
    name: 'a symlink, a file or a device in place of the root directory',
    source: 'CVE-2021-29136 (umoci): a symlink for ./ redirected all that came after it',
    layers: (outside) => [[symlink('.', outside)], [file('./', 'x')]],
  },
];

/** A directory of the host that no image may change. */
export class Outside {
  readonly directory: string;
  readonly #before: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, 'sub'), { recursive: true, mode: 0o700 });
    for (const name of ['secret', 'sub/secret'])
      writeFileSync(join(directory, name), secret, { mode: 0o600 });
    this.#before = this.#state();
  }

  /** @throws AssertionError if anything is not as it was, to the time of its last change */
  assertUntouched(): void {
    expect(this.#state() === this.#before, `the host's ${this.directory} was changed`);
  }

  #state(): string {
    const names = readdirSync(this.directory, { recursive: true, encoding: 'utf8' }).sort();
    const stats = ['.', ...names].map((name) => {
      const path = join(this.directory, name);
      const { ino, mode, uid, gid, nlink, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
      const content = name.endsWith('secret') ? readFileSync(path, 'utf8') : '';
      return [name, ino, mode, uid, gid, nlink, mtimeNs, ctimeNs, content].join(' ');
    });
    return stats.join('\n');
  }
}

function hostileCase({ layers, ...words }: HostileCase): DriverCase {
  const rule = 'the image is refused or stays inside its root, and nothing of the host is changed or read';
  return driverCase({ ...words, name: `hostile: ${words.name}`, rule }, async (workshop) => {
    const outside = new Outside(workshop.path('outside'));
    const made = layers(outside.directory);
    const bundle = await unpackOrRefuse(workshop, made);
    outside.assertUntouched();
    if (bundle === null) return;
    const tree = bundle.tree();
    const { sha256 } = describeContent(Buffer.from(secret));
    for (const [path, entry] of tree) expect(entry.sha256 !== sha256, `${path} is a file of the host`);
    expectTree(tree, LayerModel.of(made).tree());
  });
}

/** @returns null if the image was refused, of which then nothing is left */
export async function unpackOrRefuse(workshop: Workshop, layers: RawEntry[][]): Promise<MadeBundle | null> {
  const bundle = workshop.path('bundle');
  try {
    return await workshop.unpack(layers, { bundle });
  } catch (error) {
    if (!isLayerhookError(error, 'LAYER_ENTRY')) throw error;
    workshop.assertNothingLeft(bundle);
    return null;
  }
}

export const hostileCases = cases.map(hostileCase);
