import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';

/** The entries of a gzip layer, in order. */
export async function layerEntries(blob: string): Promise<Header[]> {
  const entries: Header[] = [];
  const tar = createReadStream(blob).pipe(createGunzip()).pipe(extract());
  for await (const entry of tar) {
    entries.push(entry.header);
    entry.resume();
  }
  return entries;
}

/** An entry as `ls -l` would show it; a whiteout as what it says. */
export function describeEntry({ name, type, mode, size, linkname }: Header): string {
  const [, dir = '', removed] = /^(.*\/)?\.wh\.(.*)$/.exec(name) ?? [];
  if (removed !== undefined) return `removed    ${dir}${removed}`;
  const what = type === 'file' ? `${size} B` : (type ?? '');
  return `${what.padEnd(10)} ${name}${linkname ? ` -> ${linkname}` : ''}${mode === 0o755 || type !== 'file' ? '' : ` (${mode?.toString(8)})`}`;
}
