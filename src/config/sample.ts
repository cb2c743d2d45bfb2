import { chainIDs } from '../image/chain.js';
import { digestOf } from '../image/digest.js';
import type { Descriptor, Digest } from '../image/types.js';
import { type FieldName, type FieldValue, fieldsFor } from '../points/contexts.js';
import type { PointName } from '../points/points.js';
import { pointRow } from '../points/table.js';
import { treeID } from '../points/tree-id.js';

type SentField = Exclude<FieldName, 'signal' | 'log' | 'writeMtree' | 'extractAgain' | 'unpackLayer'>;

const diffIDs: Digest[] = [digestOf('sample layer 0'), digestOf('sample layer 1')];
const chain = chainIDs(diffIDs);
const descriptor = (type: string, size: number): Descriptor => ({
  mediaType: `application/vnd.oci.image.${type}`,
  digest: digestOf(`sample ${type}`),
  size,
});
const layer = descriptor('layer.v1.tar+gzip', 30_000_000);
const config = descriptor('config.v1+json', 600);
const rootfs = '/srv/.bundle.staging/rootfs';

const map = { uidMappings: [], gidMappings: [], rootless: false };
const trees = chain.map((chainID) => treeID(chainID, { map, keepDirlinks: false }));
const layers = [{ ...layer, digest: digestOf('sample base layer') }, layer].map((descriptor, index) => ({
  descriptor,
  diffID: diffIDs[index] as Digest,
  chainID: chain[index] as Digest,
  treeID: trees[index] as string,
}));

function blobOf({ digest }: Descriptor): { blob: string; blobOffset: number } {
  return { blob: `/srv/image/blobs/sha256/${digest.slice('sha256:'.length)}`, blobOffset: 0 };
}

/** The upper layer of an image with two. */
const fields: { [F in SentField]: FieldValue<F> } = {
  bundle: '/srv/bundle',
  rootfs,
  map,
  layout: '/srv/image',
  reference: 'latest',
  treeID: trees[1] as string,
  treeIDs: trees,
  layers: layers.map(({ descriptor, ...each }) => ({ descriptor, ...each, ...blobOf(descriptor) })),
  manifest: {
    schemaVersion: 2,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  },
  manifestDescriptor: descriptor('manifest.v1+json', 700),
  config: { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIDs } },
  configDescriptor: config,
  index: 1,
  descriptor: layer,
  diffID: diffIDs[1] as Digest,
  chainID: chain[1] as Digest,
  lowerChainIDs: chain.slice(0, 1),
  chainIDs: chain,
  ...blobOf(layer),
  keepDirlinks: false,
  claim: false,
  target: rootfs,
  into: 'rootfs',
  whiteouts: null,
  entries: null,
  applied: {
    digest: layer.digest,
    diffID: diffIDs[1] as Digest,
    bytes: 80_000_000,
    entries: 3500,
    unsettled: {
      ...{ implicitDirectories: [], hidingDirectories: [], whiteouts: [], lowerHardlinks: [] },
      ...{ assumedDirectories: [], assumedMissing: [], refused: null },
    },
  },
  spec: { ociVersion: '1.2.1', process: { args: ['sh'] }, root: { path: 'rootfs' }, mounts: [] },
  mtree: '/srv/bundle/sha256_sample.mtree',
  maskPaths: ['/var/lib/data'],
  refresh: false,
  changes: [{ path: 'etc/hosts', kind: 'modify' }],
  layer: null,
  state: {},
  name: 'data',
  key: '3f0c2f6e5c1d',
  client: 'containerd',
  parent: `k8s.io/4/${chain[0]}`,
  source: '/srv/store/snapshots/7/fs',
  labels: { 'containerd.io/snapshot.ref': chain[1] as Digest },
  overlayXattr: 'trusted',
  mountPoint: '/data',
  upperdir: '/srv/store/7/fs',
  lowerdirs: ['/srv/store/6/fs'],
  overlay: 'trusted',
  destination: '/srv/archive/box',
  method: 'tar',
  whiteout: 'overlay',
  owner: '',
  containerPaths: ['/var/lib/containers/storage/volumes/data/_data'],
  identity: '/var/lib/layerhook/archives/directories/5d41402abc4b2a76-3f0c2f6e5c1d.claim',
  replace: false,
};

/** Values that differ at points of containers. */
const ofContainers: Record<string, unknown> = {
  state: { ociVersion: '1.2.1', id: 'box', status: 'stopped', pid: 0, bundle: '/srv/bundle' },
};

/** Values that differ at points of snapshots. */
const ofSnapshots: Record<string, unknown> = {
  key: `k8s.io/5/extract-1 ${chain[1]}`,
  target: '/srv/store/snapshots/8/fs',
  source: '/srv/store/snapshots/8/fs',
  lowerdirs: ['/srv/store/snapshots/7/fs'],
};

/** A context of a point with made-up values: what `hooks check` shows, and the documentation. */
export function sampleContext(point: PointName): Record<string, unknown> {
  const { stage } = pointRow(point);
  const own = stage === 'snapshot' ? ofSnapshots : stage === 'runtime' ? ofContainers : {};
  return fieldsFor(point, { ...fields, ...own });
}
