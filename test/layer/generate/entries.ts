import type { TarEntry } from '../../../src/layer/types.js';
import { TarReader } from '../../../src/tar/index.js';

/** What is in a tar, with content. */
export function entriesOf(tar: Buffer): (TarEntry & { content: string })[] {
  const chunks = [tar];
  const reader = new TarReader({ read: () => chunks.pop() ?? null });
  const entries: (TarEntry & { content: string })[] = [];
  for (let entry = reader.next(); entry !== null; entry = reader.next()) {
    let content = '';
    for (let data = reader.readData(); data !== null; data = reader.readData())
      content += data.toString('latin1');
    entries.push({ ...entry, content });
  }
  return entries;
}

/** One line an entry: type, name, and the target of a link. */
export function show(tar: Buffer): string[] {
  return entriesOf(tar).map(({ type, name, linkname }) => `${type} ${name}${linkname && ` -> ${linkname}`}`);
}
