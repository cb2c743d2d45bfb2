import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { MtreeError, parse as parseMtree } from 'mtree-ts';
import { readContainer } from '../../hooks/archive/container.js';
import { loadHooks } from '../../src/config/load.js';
import { parseOutput } from '../../src/config/output.js';
import { isLayerhookError } from '../../src/errors/index.js';
import { checkConfig, checkIndex, checkManifest } from '../../src/image/documents.js';
import { gunzipWhole } from '../../src/layer/compression/gunzip-whole.js';
import { BadResult } from '../../src/points/check-result.js';
import { BadTar } from '../../src/tar/bad.js';
import { TarReader } from '../../src/tar/index.js';
import { parsePax } from '../../src/tar/pax.js';
import { encodeJson, JsonLimitError, parseJson } from '../../src/text/json-lossless.js';
import type fc from '../helpers/properties.js';
import { paxRecords } from '../helpers/tar.js';
import { mutatedArchive } from '../tar/mutate.js';
import { readAll, sourceOf } from '../tar/read.js';
import { grpcTarget } from './grpc.js';
import { mutated } from './mutate.js';
import { mtreePeers, tarPeers } from './peers.js';
import { umociPeer } from './umoci.js';

/** A reader of untrusted bytes. */
export interface Target {
  inputs: fc.Arbitrary<Buffer>;
  /**
   * Reads an input.
   *
   * @returns false if the reader refused the input, as it may
   * @throws for anything that the reader must not do: an untyped error, a disagreement with a peer
   */
  run(input: Buffer): boolean | Promise<boolean>;
  /** programs that the target needs */
  needs?: readonly string[];
  /** cases in a short run; default 300 */
  few?: number;
  close?(): Promise<void>;
}

/** Calls a reader that may refuse its input with some errors. */
function refuses(isExpected: (error: unknown) => boolean, read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (isExpected(error)) return false;
    throw error;
  }
}

const isTyped =
  (...codes: string[]) =>
  (error: unknown) =>
    isLayerhookError(error) && codes.includes(error.code);

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const digest = `sha256:${'a'.repeat(64)}`;
const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 3 };
const documents = [
  {
    schemaVersion: 2,
    manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'amd64' }, annotations: { a: 'b' } }],
  },
  {
    schemaVersion: 2,
    config: descriptor,
    layers: [descriptor, { ...descriptor, data: 'eA==', urls: ['http://x'] }],
  },
  {
    created: '2020-01-01T00:00:00Z',
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: '1:2',
      Env: ['A=b'],
      Labels: { a: 'b' },
      Volumes: { '/v': {} },
      ExposedPorts: { '80/tcp': {} },
    },
    rootfs: { type: 'layers', diff_ids: [digest] },
    history: [{ created: '2020-01-01T00:00:00Z', empty_layer: true }],
  },
].map((document) => JSON.stringify(document));

const mtrees = [
  '#mtree v2.0\n# user: root\n. type=dir mode=0755 uid=0 gid=0\n/set type=file uid=0 mode=0644\n    a size=3 tar_time=1.000000000\n    b\\040c link=x type=link\n..\n',
  '#mtree\n./d type=dir\n./d/f sha256digest=00 xattr.user.a=dmFs size=1 \\\n  nlink=2\n/unset uid\n',
];

/** Readers by name. */
export const targets: Record<string, () => Target> = {
  tar: () => ({
    inputs: mutatedArchive,
    few: 1000,
    run(input) {
      const source = sourceOf(input, 700);
      const reader = new TarReader(source);
      const accepted = refuses(isTyped('TAR_INVALID', 'LAYER_ENTRY', 'LIMIT_EXCEEDED'), () => {
        while (reader.next() !== null) while (reader.readData() !== null);
        reader.drain();
      });
      require(reader.position <= input.length, 'the reader went beyond the end');
      require(source.reads <=
        Math.ceil(input.length / 700) + 6, 'the reader asked for the end again and again');
      return accepted;
    },
  }),
  pax: () => ({
    inputs: mutated([
      paxRecords({
        path: 'a/b',
        size: '7',
        mtime: '1.5',
        'SCHILY.xattr.user.x': '\0=\n',
        'GNU.sparse.map': '0,1',
      }),
    ]),
    run(input) {
      return refuses(
        (error) => error instanceof BadTar,
        () => {
          const { values, xattrs } = parsePax(input);
          const bytes = [...values.values(), ...xattrs.keys()].reduce((sum, text) => sum + text.length, 0);
          require(bytes <= input.length, 'the records are larger than their header');
        },
      );
    },
  }),
  'tar peers': () => tarPeers((input) => readAll(input).map(({ name }) => name)),
  gzip: () => ({
    inputs: mutated([
      gzipSync('some text'),
      gzipSync(Buffer.alloc(5000)),
      Buffer.concat([gzipSync('a'), gzipSync('b')]),
    ]),
    run(input) {
      const whole = gunzipWhole(input, 1 << 20);
      const byNode = whole && gunzipWhole(input, 1 << 20, { isal: null });
      // libisal2 accepts an incomplete set of distance codes too: there the diffID decides
      if (whole === null || byNode === null) return false;
      require(byNode.equals(whole), 'libisal2 reads another content');
      require(gunzipSync(input).equals(whole), 'zlib reads another content');
      return true;
    },
  }),
  mtree: () => ({
    inputs: mutated(mtrees),
    run(input) {
      return refuses(
        (error) => error instanceof MtreeError && error.code !== 'UNREADABLE',
        () => {
          const manifest = parseMtree(input, { maxBytes: 1 << 16 });
          manifest.usedKeywords();
          for (const { path } of manifest.entries)
            require(!/(^|\/)\.\.(\/|$)/.test(path), `${path} leaves the root`);
          for (const entry of manifest.byPath.values()) void entry.link;
        },
      );
    },
  }),
  'mtree peers': () => mtreePeers((input) => [...parseMtree(input).byPath.keys()]),
  json: () => ({
    inputs: mutated(documents),
    run(input) {
      let value: unknown;
      try {
        value = parseJson(input, 10_000);
      } catch (error) {
        if (error instanceof SyntaxError || error instanceof JsonLimitError) return false;
        throw error;
      }
      require(JSON.stringify(parseJson(encodeJson(value))) ===
        JSON.stringify(value), 'writing changes the document');
      let accepted = false;
      for (const check of [checkIndex, checkManifest, checkConfig]) {
        const expected = isTyped('IMAGE_INVALID', 'DIGEST_INVALID', 'BLOB_MEDIA_TYPE');
        accepted = refuses(expected, () => check(parseJson(input), 'it')) || accepted;
      }
      return accepted;
    },
  }),
  'hooks.toml': () => {
    const directory = scratch();
    const file = join(directory, 'hooks.toml');
    return {
      inputs: mutated([
        'driver = "copy"\nmtree = "never"\n[store]\npath = "/s"\ndurability = "boot"\n[limits]\nentries = 3\nunpacked = "1GiB"\n',
        '[driver]\nname = "overlay"\nx = 1\n[[hook]]\npoint = ["bundle.ociv1.remove"]\nexec = ["/bin/true", "x"]\nenv = ["A=b"]\ntimeout = 3\n',
      ]),
      async run(input) {
        writeFileSync(file, input);
        try {
          await loadHooks({ file, env: {} });
          return true;
        } catch (error) {
          if (isTyped('CONFIG_INVALID', 'CONFIG_UNREADABLE')(error)) return false;
          throw error;
        }
      },
      close: async () => rmSync(directory, { recursive: true }),
    };
  },
  'hook output': () => ({
    inputs: mutated([
      '{"path":"a/b","kind":"add"}\n{"pathBase64":"eA=="}\n',
      'a\0b\0',
      'a\nb\n',
      '{"into":"rootfs"}',
    ]),
    run(input) {
      const points = ['repack.ociv1.layer.delta-list', 'unpack.ociv1.layer.pre-extract'] as const;
      const accepted = points.map((point) =>
        refuses(
          (error) => error instanceof BadResult,
          () => parseOutput(point, input),
        ),
      );
      return accepted.includes(true);
    },
  }),
  'container state': () => {
    const bundle = scratch();
    const config = {
      annotations: { a: 'b' },
      mounts: [{ destination: '/d', type: 'bind', source: '/s', options: ['ro'] }],
      root: { path: 'rootfs' },
    };
    const state = {
      ociVersion: '1.0.2',
      id: 'box',
      status: 'stopped',
      pid: 0,
      bundle,
      annotations: { a: 'b' },
    };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
    return {
      inputs: mutated([JSON.stringify(state), JSON.stringify(config)]),
      run(input) {
        // first the state itself, then the same bytes as the config.json that a sound state leads to
        const expected = isTyped('ARCHIVE_CONTAINER');
        const read = refuses(expected, () => readContainer(input.toString()));
        writeFileSync(join(bundle, 'config.json'), input);
        return refuses(expected, () => readContainer(JSON.stringify(state))) || read;
      },
      close: async () => rmSync(bundle, { recursive: true }),
    };
  },
  'umoci peer': () => umociPeer({ rootless: false }),
  'umoci rootless': () => umociPeer({ rootless: true }),
  grpc: grpcTarget,
};

/** A directory in which hooks.toml is trusted. */
function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'layerhook-fuzz-'));
  chmodSync(directory, 0o700);
  mkdirSync(join(directory, 'rootfs'));
  return directory;
}
