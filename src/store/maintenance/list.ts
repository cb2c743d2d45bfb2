import { fromText } from '../../system/bytes.js';
import { filesystemOf } from '../../system/filesystem.js';
import { type Context, isTrusted } from '../context/context.js';
import type { ContentRecord } from '../metadata/record-types.js';
import { contents, findContent, getName, usersOf } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { ContentInfo, StoreFilesystem } from '../types.js';
import { isUnmeasured, measureContents } from './measure.js';

/** Implements Store's `list`. @throws LayerhookError SYSTEM */
export async function listContents(context: Context, only?: string[]): Promise<ContentInfo[]> {
  const { infos, unmeasured } = context.db.read((reader) => {
    const all = only === undefined ? [...contents(reader)] : contentsCalled(reader, only);
    return {
      infos: all.map(([id, record]) => infoOfContent(context, reader, id, record)),
      unmeasured: all.filter(([, record]) => isUnmeasured(record)).map(([id]) => id),
    };
  });
  const usages = await measureContents(context, unmeasured);
  const nothing = { size: 0, inodes: 0 };
  return infos.map((info) =>
    unmeasured.includes(info.id) ? { ...info, usage: usages.get(info.id) ?? nothing } : info,
  );
}

function contentsCalled(reader: Reader, ids: string[]): [string, ContentRecord][] {
  return ids.flatMap((id) => {
    const record = findContent(reader, id);
    return record === undefined ? [] : [[id, record]];
  });
}

function infoOfContent(context: Context, reader: Reader, id: string, record: ContentRecord): ContentInfo {
  const { directories } = context;
  const { layer, usage, created, flushed, damaged, erofs } = record;
  const missing = directories.whyMissing(id, record);
  return {
    id,
    names: usersOf(reader, id).flatMap((of) => {
      const name = getName(reader, of.client, of.name);
      return name === undefined ? [] : [{ ...of, kind: name.kind }];
    }),
    ...(layer && { layer: { diffID: layer.diffID, chainIDs: layer.chainIDs, map: layer.map } }),
    ...(usage && { usage }),
    created: new Date(created),
    lastUsed: new Date(directories.lastUsed(id)),
    directory: directories.fs(id),
    mtree: directories.mtree(id),
    ...(erofs && { erofs: { image: directories.image(id), ...erofs } }),
    flushed,
    trusted: usage === undefined || (missing === undefined && isTrusted(context, record)),
    ...(damaged !== undefined && { damaged }),
    ...(missing !== undefined && { missing }),
  };
}

/** Implements Store's `df`. @throws LayerhookError SYSTEM */
export function spaceOf({ db, directories: { root } }: Context): StoreFilesystem {
  const records = db.read((reader) => [...contents(reader)].map(([, record]) => record));
  const { size, free } = filesystemOf(fromText(root));
  const bytes = records.reduce((sum, { usage }) => sum + (usage?.size ?? 0), 0);
  const inodes = records.reduce((sum, { usage }) => sum + (usage?.inodes ?? 0), 0);
  return { root, contents: records.length, bytes, inodes, size, free };
}
