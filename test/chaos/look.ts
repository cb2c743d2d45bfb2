/** What commands and the disk show of a place: compared before a fault, after it, and with a run without a fault. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageConfig, Index, Manifest } from '../../src/image/types.js';
import { Fault, lh, type Place, succeedIn } from './place.js';

/** Parts of a state by their names: tags, bundles, files. A part that is missing has no entry. */
export type View = Record<string, string>;

/** Returns the tags of the layout, each with the digest of its manifest, after reading all that the tag needs. */
export function tags({ layout }: Place): View {
  if (!existsSync(join(layout, 'oci-layout'))) return {};
  const view: View = { layout: 'complete' };
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
  for (const { digest, annotations } of index.manifests) {
    const tag = annotations?.['org.opencontainers.image.ref.name'];
    readImage(layout, digest, String(tag));
    view[`tag ${tag}`] = digest;
  }
  return view;
}

/** Reads an image, or all images of an index. @throws Fault if something is missing */
function readImage(layout: string, digest: string, tag: string): void {
  const manifest = document<Manifest | Index>(layout, digest);
  if (isIndex(manifest)) {
    for (const image of manifest.manifests) readImage(layout, image.digest, tag);
    return;
  }
  const config = document<ImageConfig>(layout, manifest.config.digest);
  for (const layer of manifest.layers) blob(layout, layer.digest);
  if (config.rootfs.diff_ids.length !== manifest.layers.length) throw new Fault(`${tag}: layers are missing`);
}

function isIndex(document: Manifest | Index): document is Index {
  return Array.isArray(document.manifests);
}

function document<T>(layout: string, digest: string): T {
  return JSON.parse(blob(layout, digest).toString('utf8')) as T;
}

function blob(layout: string, digest: string): Buffer {
  const bytes = readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  if (digest !== `sha256:${sha256(bytes)}`) throw new Fault(`blob ${digest} has other content`);
  return bytes;
}

/** Returns the bundle's image and the content of its rootfs, after mounting it. */
export function bundle(place: Place): View {
  if (!existsSync(place.bundle)) return {};
  const metadata = join(place.bundle, 'umoci.json');
  if (!existsSync(metadata)) throw new Fault(`the bundle lacks umoci.json: ${readdirSync(place.bundle)}`);
  const rootfs = join(place.bundle, 'rootfs');
  // what is mounted, or has files, is not unmounted
  if (readdirSync(rootfs).length === 0) succeedIn(place, lh('bundle', 'mount', place.bundle));
  const { from_descriptor_path: from } = JSON.parse(readFileSync(metadata, 'utf8')) as {
    from_descriptor_path: { descriptor_walk: { digest: string }[] };
  };
  JSON.parse(readFileSync(join(place.bundle, 'config.json'), 'utf8'));
  return {
    'image of the bundle': from.descriptor_walk[0]!.digest,
    rootfs: sha256(Buffer.from(rows(rootfs).join('\n'))),
  };
}

/** Returns the bundles that the store lists. */
export function listed(place: Place): View {
  if (!existsSync(join(place.store, 'metadata'))) return {};
  const list = JSON.parse(succeedIn(place, lh('bundle', 'ls', '--json'))) as Record<string, unknown>[];
  return list.length === 0 ? {} : { 'bundle ls': list.map((row) => row.bundle ?? row.path).join() };
}

/** Returns the files below a directory with their content. */
export function files(directory: string): (place: Place) => View {
  return ({ root }) => {
    const top = join(root, directory);
    if (!existsSync(top)) return {};
    return { [directory]: sha256(Buffer.from(rows(top).join('\n'))) };
  };
}

/** Returns rows of path, type, mode, owner and content. */
export function rows(top: string, name = '.'): string[] {
  const path = join(top, name);
  const stat = lstatSync(path);
  const row = `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`;
  if (stat.isDirectory())
    return [
      row,
      ...readdirSync(path)
        .sort()
        .flatMap((each) => rows(top, join(name, each))),
    ];
  if (stat.isSymbolicLink()) return [`${row} ${readlinkSync(path)}`];
  return [stat.isFile() ? `${row} ${stat.size} ${sha256(readFileSync(path))}` : row];
}

/** Directories whose content belongs to an image. */
const content = /\/(rootfs|fs|work)$/;

/** Returns how often each kind of file exists, with random parts of names replaced: what a fault may leave. */
export function inventory({ root }: Place): Record<string, number> {
  const counts: Record<string, number> = {};
  const visit = (path: string) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const below = `${path}/${entry.name}`;
      if (/^\/(lost\+found|in)$/.test(below)) continue;
      const kind = kindOf(below);
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (entry.isDirectory() && !content.test(below)) visit(below);
    }
  };
  visit('');
  counts.mounts = mountsIn(root).length;
  return counts;
}

/** Returns a text with its hashes and numbers replaced. */
export function kindOf(text: string): string {
  return text.replace(/[0-9a-f]{8,}/g, '#').replace(/\d+/g, '#');
}

/** Returns what each change of a file or a mount changes. LMDB makes its table of readers again for the first process. */
export function traces({ root }: Place): string {
  const paths = (readdirSync(root, { recursive: true }) as string[]).sort();
  const stats = ['', ...paths].map((path) => {
    const { ino, ctimeNs } = lstatSync(join(root, path), { bigint: true });
    return path === 'store/metadata/lock.mdb' ? path : `${path} ${ino} ${ctimeNs}`;
  });
  return [...stats, ...mountsIn(root)].join('\n');
}

/** Returns the lines of mountinfo for mounts below a directory. */
export function mountsIn(root: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.filter((line) => line.includes(`${root}/`));
}

/** Returns what one inventory has more or less than another. @param except kinds of files that do not count */
export function difference(
  now: Record<string, number>,
  before: Record<string, number>,
  except?: RegExp,
): string {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])].sort();
  const changed = names.filter((name) => now[name] !== before[name] && !except?.test(name));
  return changed.map((name) => `${name}: ${before[name] ?? 0} → ${now[name] ?? 0}`).join(', ');
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
