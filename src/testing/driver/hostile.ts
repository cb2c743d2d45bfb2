import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CaseWords, expect, expectTree } from '../case.js';
import { dir, file, hardlink, symlink } from '../entries.js';
import { LayerModel } from '../model.js';
import type { RawEntry } from '../tar.js';
import { describeContent } from '../tree.js';
import type { DriverCase } from './harness.js';
import { driverCase, type MadeBundle, type Workshop } from './workshop.js';

interface HostileCase extends Pick<CaseWords, 'name' | 'source'> {
  /** @param outside path of a directory of the host that contains `secret` and `sub/secret` */
  layers(outside: string): RawEntry[][];
}

const up = '../'.repeat(20);
const secret = 'a secret of the host';

const cases: HostileCase[] = [
  {
    name: 'names that leave the root with .. or an absolute path',
    source: 'CVE-2001-1267 (GNU tar): names are cleaned and resolved from the root',
    layers: (outside) => [
      [file(`${up}${outside}/secret`, 'x'), file(`${outside}/sub/secret`, 'x'), file('../escaped', 'x')],
      [file(`${up}${outside}/.wh.secret`)],
    ],
  },
  {
    name: 'a file through an absolute symlink of its own layer',
    source: 'the oldest known escape; umoci resolves parents inside the root',
    layers: (outside) => [[symlink('l', outside), file('l/secret', 'x'), file('l/new', 'x')]],
  },
  {
    name: 'a file through a symlink of a lower layer',
    source: 'the same in two layers: lower layers are hostile too',
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
    source: 'CVE-2021-32803 (node-tar): cached data of a path must not outlive its replacement',
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
    source: 'code that fixes up metadata of unlisted directories must not read directories of the host',
    layers: (outside) => [[symlink('l', outside)], [file('l/sub/deep/f', 'x')], [file('l/sub/g', 'x')]],
  },
  {
    name: 'whiteouts and opaque markers through a symlink',
    source: 'umoci repack: old -> /etc, followed by old/.wh.x',
    layers: (outside) => [
      [symlink('l', outside), symlink('m', `${up}${outside}`)],
      [file('l/.wh.secret'), file('m/.wh..wh..opq'), file('m/sub/.wh.secret')],
    ],
  },
  {
    name: 'a hardlink to a file of the host',
    source: 'CVE-2021-32760 (containerd), CVE-2026-23745 (node-tar): targets are resolved from the root',
    layers: (outside) => [
      [{ ...hardlink('h', `${outside}/secret`), mode: 0o777, uid: 3 }],
      [file('h', 'x', { mode: 0o777 })],
    ],
  },
  {
    name: 'a hardlink through a symlink of a lower layer to a file of the host',
    source: 'code that fixes up hardlinks to lower layers must resolve them in the root',
    layers: (outside) => [
      [symlink('l', outside), symlink('s', `${outside}/secret`)],
      [hardlink('h', 'l/secret')],
    ],
  },
  {
    name: 'a hardlink to a symlink of a lower layer to a file of the host, changed later',
    source: 'link(2): the hardlink is another name of the symlink',
    layers: (outside) => [
      [symlink('s', `${outside}/secret`)],
      [hardlink('h', 's')],
      [file('h', 'x', { mode: 0o777 })],
    ],
  },
  {
    name: 'a symlink, a file or a device in place of the root directory',
    source: 'CVE-2021-29136 (umoci): a symlink for ./ redirected all later entries',
    layers: (outside) => [[symlink('.', outside)], [file('./', 'x')]],
  },
];

/** A directory of the host, which images must not change. */
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

  /** @throws AssertionError if any file has changed, including its ctime */
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
  const rule = 'the image is refused or stays inside its root, and does not change or read files of the host';
  return driverCase({
    ...words,
    name: `hostile: ${words.name}`,
    rule,
    run: async (workshop) => {
      const outside = new Outside(workshop.path('outside'));
      const made = layers(outside.directory);
      const bundle = await unpackOrRefuse(workshop, made);
      outside.assertUntouched();
      if (bundle === null) return;
      const tree = bundle.tree();
      const { sha256 } = describeContent(Buffer.from(secret));
      for (const [path, entry] of tree)
        expect(entry.sha256 !== sha256, `${path} has the content of a file of the host`);
      expectTree(tree, LayerModel.of(made).tree());
    },
  });
}

/** @returns null if the image was refused; its bundle must be gone */
export async function unpackOrRefuse(workshop: Workshop, layers: RawEntry[][]): Promise<MadeBundle | null> {
  const bundle = workshop.path('bundle');
  try {
    return await workshop.unpack(layers, { bundle });
  } catch (error) {
    if (!workshop.isRefusal(error)) throw error;
    workshop.assertNothingLeft(bundle);
    return null;
  }
}

export const hostileCases = cases.map(hostileCase);
