import { isTag, tagOf } from '../../image/references.js';
import type { Index } from '../../image/types.js';
import type { Finding } from './finding.js';

/** Checks the tags of a layout. */
export function* checkTags({ manifests }: Index): Generator<Finding> {
  const digests = new Map<string, string[]>();
  for (const descriptor of manifests) {
    const tag = tagOf(descriptor);
    if (tag === undefined) continue;
    const known = digests.get(tag);
    if (known === undefined) digests.set(tag, [descriptor.digest]);
    else known.push(descriptor.digest);
  }
  for (const [tag, all] of digests) {
    const shown = JSON.stringify(tag);
    if (!isTag(tag)) {
      const message = `tag ${shown} breaks the grammar of the image-spec`;
      yield { severity: 'warning', code: 'TAG_MALFORMED', message, tag };
    }
    if (all.length === 1) continue;
    const { size } = new Set(all);
    yield size === 1
      ? {
          severity: 'note',
          code: 'TAG_DUPLICATE',
          message: `tag ${shown} stands ${all.length} times on ${all[0]}`,
          tag,
        }
      : {
          severity: 'warning',
          code: 'TAG_DUPLICATE',
          message: `tag ${shown} names ${size} different images`,
          tag,
        };
  }
}
