import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openLayout } from '../../src/image/layout.js';
import { resolveReference } from '../../src/image/resolve.js';
import { buildImage, put } from '../helpers/image.js';
import type { RawEntry } from '../helpers/tar.js';
import { tar } from '../helpers/tar.js';
import { tmpdir } from '../helpers/tmp.js';

export const refName = 'org.opencontainers.image.ref.name';

/** The files of a layout as entries of a tar. */
export function membersOf(layout: string): RawEntry[] {
  const blobs = readdirSync(join(layout, 'blobs/sha256')).map((name) => `blobs/sha256/${name}`);
  return ['oci-layout', 'index.json', ...blobs].map((name) => ({
    name,
    content: readFileSync(join(layout, name)),
  }));
}

/** Writes a tar, and returns its path. */
export function writeTar(t: ExecutionContext, entries: RawEntry[] | Buffer): string {
  const file = join(tmpdir(t), 'image.tar');
  writeFileSync(file, Buffer.isBuffer(entries) ? entries : tar(entries));
  return file;
}

/** An image with two layers, and its layout as a tar. */
export function archived(t: ExecutionContext) {
  const layers: RawEntry[][] = [
    [{ name: 'a', content: 'a' }],
    [{ name: 'b', content: Buffer.alloc(70_000, 'b') }],
  ];
  const built = buildImage(t, layers, { tag: 'v1' });
  return { ...built, file: writeTar(t, membersOf(built.layout)) };
}

/** Returns name and content of every blob of a directory layout. */
export function blobsOf(layout: string): Record<string, string> {
  const directory = join(layout, 'blobs/sha256');
  const names = readdirSync(directory).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'hex')]));
}

/** The manifest and config that a tag leads to, for comparisons. */
export function imageIn(layout: string, tag: string) {
  const { manifest, config } = resolveReference(openLayout(layout), tag);
  return { manifest, config };
}

/** Runs a program that must succeed. */
export function call(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Adds a manifest with a `subject` to index.json, without a tag. Returns its digest. */
export function addReferrer(
  layout: string,
  subject: { mediaType: string; digest: string; size: number },
  content: string,
): string {
  const empty = put(layout, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/vnd.example.signature',
    config: empty,
    layers: [put(layout, Buffer.from(content), 'text/plain')],
    subject,
  };
  const descriptor = put(layout, Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  const file = join(layout, 'index.json');
  const index = JSON.parse(readFileSync(file, 'utf8'));
  index.manifests.push(descriptor);
  writeFileSync(file, JSON.stringify(index));
  return descriptor.digest;
}
