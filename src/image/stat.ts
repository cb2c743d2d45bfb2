import type { Layout } from './layout.js';
import { configMediaType, emptyMediaType, ociMediaType } from './media-types.js';
import { readConfig, readManifest } from './read.js';
import { describeReferrer, listReferrers } from './referrers.js';
import { type ResolveOptions, resolvePath } from './resolve.js';
import type { Descriptor, Digest, History, ImageConfig, Manifest } from './types.js';

const maxConfigBytes = 8 << 20;

/** One entry of an image's history, with its layer. */
export interface HistoryStat {
  /** null if the entry has no layer */
  layer: Descriptor | null;
  /** empty if the entry has no layer */
  diffID: Digest | '';
  history: History;
}

/** Facts about a tagged manifest; `blob` is its unchanged JSON from the layout. */
export interface ImageStat {
  manifest: { descriptor: Descriptor; content: Manifest; blob: Buffer };
  /** `content` is missing for configs of artifacts; missing altogether if the config is not known to be JSON */
  config?: { descriptor: Descriptor; content?: ImageConfig; blob: Buffer };
  /** missing for artifacts */
  history?: HistoryStat[];
  /** signatures, SBOMs and others in index.json that describe the manifest, or an index that leads to it */
  referrers: Descriptor[];
}

/**
 * Reads all facts about the image or artifact of a tag.
 *
 * @throws LayerhookError as resolveReference
 */
export function statImage(layout: Layout, tag: string, options: ResolveOptions = {}): ImageStat {
  const path = resolvePath(layout, tag, options);
  const descriptor = path[path.length - 1]!;
  const content = readManifest(layout, descriptor);
  const manifest = { descriptor, content, blob: layout.readBlob(descriptor) };
  const digests = new Set<string>(path.map(({ digest }) => digest));
  const referrers = listReferrers(layout)
    .filter(({ subject }) => digests.has(subject))
    .map((referrer) => describeReferrer(layout, referrer));
  return { manifest, ...statConfig(layout, content), referrers };
}

function statConfig(layout: Layout, manifest: Manifest): Pick<ImageStat, 'config' | 'history'> {
  const descriptor = manifest.config;
  const kind = ociMediaType(descriptor.mediaType);
  if (kind === configMediaType) {
    const content = readConfig(layout, descriptor);
    const blob = layout.readBlob(descriptor, { maxBytes: maxConfigBytes });
    return { config: { descriptor, content, blob }, history: statHistory(manifest, content) };
  }
  if (kind !== emptyMediaType && typeof descriptor.data !== 'string') return {};
  layout.readJson(descriptor);
  return { config: { descriptor, blob: layout.readBlob(descriptor) } };
}

/** Matches history entries with layers. Both have the same order, but some entries have no layer. */
function statHistory(manifest: Manifest, config: ImageConfig): HistoryStat[] {
  let at = 0;
  return (config.history ?? []).map((history) => {
    const index = history.empty_layer === true ? -1 : at++;
    return {
      layer: manifest.layers[index] ?? null,
      diffID: config.rootfs.diff_ids[index] ?? '',
      history,
    };
  });
}
