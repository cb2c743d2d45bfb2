import type { ExecutionContext } from 'ava';
import { tmpdir } from '../helpers/tmp.js';
import { call, type imageIn } from '../image/tars.js';
import { startRegistry } from './registry.js';

/** crane of go-containerregistry, with a registry of its own. */
export interface Crane {
  /** runs a command that must succeed, and returns its output */
  crane(...args: string[]): string;
  /** returns the name of an image in the registry */
  at(tag: string): string;
  /** copies images of a layout to the registry with skopeo, which changes no byte of them */
  push(layout: string, ...tags: string[]): void;
  /** writes an image to a new layout, where it has no tag, as `crane pull --format=oci` does */
  pull(tag: string): string;
  imageOf(tag: string): ReturnType<typeof imageIn>;
  /** returns the file of a blob */
  blob(digest: string): string;
}

/** The programs that {@link startCrane} needs. */
export const craneNeeds = ['crane', 'docker-registry', 'skopeo'];

export async function startCrane(t: ExecutionContext<unknown>): Promise<Crane> {
  const registry = await startRegistry(t);
  const at = (tag: string) => `${registry.host}/layerhook/test:${tag}`;
  const crane = (...args: string[]) => call('crane', '--insecure', ...args);
  return {
    ...{ crane, at, blob: registry.blob },
    push(layout, ...tags) {
      const args = ['copy', '--quiet', '--all', '--dest-tls-verify=false'];
      for (const tag of tags) call('skopeo', ...args, `oci:${layout}:${tag}`, `docker://${at(tag)}`);
    },
    pull(tag) {
      const layout = `${tmpdir(t)}/pulled`;
      crane('pull', '--format=oci', at(tag), layout);
      return layout;
    },
    imageOf: (tag) => ({
      manifest: JSON.parse(crane('manifest', at(tag))),
      config: JSON.parse(crane('config', at(tag))),
    }),
  };
}
