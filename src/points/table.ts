import {
  base,
  bundle,
  type ContextFields,
  deltaEntry,
  type Field,
  image,
  layer,
  type Own,
  type ResultField,
  type ResultFields,
  snapshotLayer,
} from './fields.js';
import type {
  BaseContext,
  BundleContext,
  ConfigContext,
  DeltaContext,
  DeltaEntry,
  ImageContext,
  LayerContext,
  LifecyclePoints,
  MountContext,
  OnFailure,
  PointContext,
  PointKind,
  PointName,
  PointResult,
  PostExtractContext,
  PoststopContext,
  RefreshContext,
  SnapshotExtractedContext,
  SnapshotLayerContext,
  SnapshotSkipContext,
} from './points.js';
import { preExtractForms, type UnionForms } from './pre-extract.js';

type ResultRow<R> = [R] extends [void]
  ? { readonly form: 'none' }
  : [R] extends [Iterable<DeltaEntry> | AsyncIterable<DeltaEntry>]
    ? { readonly form: 'stream'; readonly fields: ResultFields<DeltaEntry> }
    : string extends keyof R
      ? { readonly form: 'whole'; readonly field: 'spec'; readonly says: string }
      : [R] extends [{ into: string }]
        ? { readonly form: 'union'; readonly by: 'into'; readonly forms: UnionForms<R> }
        : { readonly form: 'object'; readonly fields: ResultFields<R> };

/** The first word of a point's name: the part of a container's life that it belongs to. */
type StageOf<P extends string> = P extends `${infer Stage}.ociv1.${string}` ? Stage : never;

interface PointRowOf<P extends PointName> {
  readonly stage: StageOf<P>;
  readonly kind: LifecyclePoints[P]['kind'];
  readonly called: string;
  readonly says: string;
  readonly context: ContextFields<PointContext<P>>;
  readonly result: ResultRow<PointResult<P>>;
  readonly onFailure: readonly OnFailure[];
}

/** One form of a result that is a union. */
export interface ResultForm {
  readonly says: string;
  readonly fields: Readonly<Record<string, ResultField>>;
}

/** A row of {@link points}, for any point. */
export interface PointRow {
  readonly stage: StageOf<PointName>;
  readonly kind: PointKind;
  readonly called: string;
  readonly says: string;
  readonly context: Readonly<Record<string, Field>>;
  readonly result:
    | { readonly form: 'none' }
    | { readonly form: 'object' | 'stream'; readonly fields: Readonly<Record<string, ResultField>> }
    | {
        readonly form: 'union';
        readonly by: string;
        readonly forms: Readonly<Record<string, ResultForm>>;
      }
    /** `field`: the field of the context that carries the result of the hook before */
    | { readonly form: 'whole'; readonly field: 'spec'; readonly says: string };
  readonly onFailure: readonly OnFailure[];
}

const ofImage = { ...base, ...bundle, ...image };
const ofLayer = { ...ofImage, ...layer };

/**
 * What can be said about each lifecycle point beyond its types: the one place that the dispatcher, the check
 * of results, hooks.toml, `hooks list` and docs/hook-protocol.md take it from, in the order of the flow.
 */
const points = {
  'unpack.ociv1.layer.try-skip': {
    stage: 'unpack',
    kind: 'first',
    called: 'before a byte of the layer is read',
    says: 'Is the layer here already? A hook that says so has made rootfs (or its store) as if it had been extracted.',
    context: ofLayer,
    result: {
      form: 'object',
      fields: {
        skip: { type: 'boolean', required: true, says: 'true: the layer is neither read nor extracted' },
      },
    },
    onFailure: ['abort'],
  },
  'unpack.ociv1.layer.pre-extract': {
    stage: 'unpack',
    kind: 'first',
    called: 'the layer was not skipped; before it is extracted',
    says: 'Where and how is the layer extracted? If no hook handles it: `{"into": "rootfs"}`.',
    context: ofLayer,
    result: {
      form: 'union',
      by: 'into',
      forms: preExtractForms,
    },
    onFailure: ['abort'],
  },
  'unpack.ociv1.layer.post-extract': {
    stage: 'unpack',
    kind: 'every',
    called: 'the layer is extracted, its blob digest and diffID are verified; in the order of layers',
    says: 'Keep, record or fix up what was extracted. Not called for a skipped layer.',
    context: {
      ...ofLayer,
      ...({
        into: { type: 'into', says: 'the form that pre-extract chose' },
        target: {
          type: 'path',
          says: 'the directory that the layer was extracted into, or the file with its tar; empty for a `command` without `target`',
        },
        whiteouts: {
          type: 'whiteouts or null',
          says: 'how whiteouts are written in a directory; null: they are not',
        },
        entries: {
          type: 'entries or null',
          says: 'what the tar holds, if the form is `tar` or `command`; else null',
        },
        applied: {
          type: 'applied',
          says: 'what was extracted, and what has to be fixed up with the layers below',
        },
        writeMtree: {
          type: 'function',
          says: 'writes an mtree manifest of the present `target` to a file, if pre-extract asked for `mtree`; returns what `target` takes on disk',
        },
        extractAgain: {
          type: 'function of lowerdirs',
          says: "empties `target` and extracts the layer again on top of the directories of its lower layers, highest first; only with `into: 'directory'`; returns the new `applied`",
        },
      } as const satisfies Own<PostExtractContext, LayerContext>),
    },
    result: { form: 'none' },
    onFailure: ['abort', 'continue'],
  },
  'unpack.ociv1.bundle.assemble': {
    stage: 'unpack',
    kind: 'first',
    called: 'every layer is skipped or extracted',
    says: 'Make rootfs usable, for instance by mounting it. If no hook handles it, rootfs is what was extracted.',
    context: ofImage,
    result: { form: 'none' },
    onFailure: ['abort'],
  },
  'unpack.ociv1.bundle.config': {
    stage: 'unpack',
    kind: 'chain',
    called: 'config.json is made, not yet written',
    says: 'Change the config.json of the bundle. Each hook gets the spec that the one before it gave.',
    context: {
      ...ofImage,
      ...({
        spec: { type: 'object', says: 'config.json of the runtime-spec as it stands' },
      } as const satisfies Own<ConfigContext, ImageContext>),
    },
    result: { form: 'whole', field: 'spec', says: 'the changed spec, whole; it must have `ociVersion`' },
    onFailure: ['abort'],
  },
  'repack.ociv1.layer.delta-list': {
    stage: 'repack',
    kind: 'first',
    called: 'repack needs the changed paths',
    says: 'What changed in rootfs against the image? If no hook handles it, rootfs is compared with the mtree manifest.',
    context: {
      ...ofImage,
      ...({
        mtree: { type: 'path or null', says: "umoci's mtree manifest of the bundle, if there is one" },
        maskPaths: { type: 'paths', says: 'paths in the rootfs whose changes do not count' },
        refresh: {
          type: 'boolean',
          says: 'true if the bundle will be refreshed after the repack: a hook that knows the refresh would fail must fail now',
        },
      } as const satisfies Own<DeltaContext, ImageContext>),
    },
    result: { form: 'stream', fields: deltaEntry },
    onFailure: ['abort', 'mtree'],
  },
  'repack.ociv1.layer.refresh-bundle': {
    stage: 'repack',
    kind: 'first',
    called: 'after `repack --refresh-bundle` has written the new image',
    says: 'Bring what is stored about the bundle in line with the new image, which the context describes.',
    context: {
      ...ofImage,
      ...({
        changes: { type: 'changes', says: 'the changes that were packed; empty when nothing had changed' },
        layer: {
          type: 'new layer or null',
          says: 'the layer made of them, or null when nothing had changed',
        },
        unpackLayer: {
          type: 'function of nothing',
          says: 'takes the new layer, if any, through try-skip, pre-extract and post-extract, as unpack would',
        },
      } as const satisfies Own<RefreshContext, ImageContext>),
    },
    result: { form: 'none' },
    onFailure: ['abort'],
  },
  'bundle.ociv1.mount': {
    stage: 'bundle',
    kind: 'first',
    called:
      'the rootfs of a bundle must become usable: by `bundle mount` (after a reboot), before repack reads it, after a refresh',
    says: 'Make rootfs usable as assemble did; it may be usable already. If no hook handles it, nothing is mounted.',
    context: {
      ...base,
      ...bundle,
      ...({
        claim: {
          type: 'boolean',
          says: 'what the driver keeps for another directory belongs to this bundle now: it was moved or restored',
        },
      } as const satisfies Own<MountContext, BundleContext>),
    },
    result: { form: 'none' },
    onFailure: ['abort'],
  },
  'bundle.ociv1.umount': {
    stage: 'bundle',
    kind: 'first',
    called: '`bundle umount`: the bundle is to stay, without mounts',
    says: 'Remove the mounts, if any, and keep every change. If no hook handles it, nothing is unmounted.',
    context: { ...base, ...bundle },
    result: { form: 'none' },
    onFailure: ['abort'],
  },
  'bundle.ociv1.remove': {
    stage: 'bundle',
    kind: 'every',
    called: 'a bundle is being taken down: by `bundle rm`, or because unpack failed',
    says: 'Undo what assemble did: unmount, release. layerhook removes what is named `layerhook.*` beside the rootfs; a hook removes other files that it made there.',
    context: { ...base, ...bundle },
    result: { form: 'none' },
    onFailure: ['abort', 'continue'],
  },
  'snapshot.ociv1.layer.try-skip': {
    stage: 'snapshot',
    kind: 'first',
    called:
      'containerd prepares a snapshot for a layer (label `containerd.io/snapshot.ref`) that the store has not',
    says: 'Is the layer to be had elsewhere? A hook that says so has filled `target`; containerd then neither fetches nor extracts it.',
    context: {
      ...base,
      ...snapshotLayer,
      ...({
        target: {
          type: 'path',
          says: 'directory to fill; empty, its own mode, owner and times are the root directory of the layer',
        },
      } as const satisfies Own<SnapshotSkipContext, SnapshotLayerContext>),
    },
    result: {
      form: 'object',
      fields: {
        skip: { type: 'boolean', required: true, says: 'true: `target` is the layer, as overlayfs wants it' },
      },
    },
    onFailure: ['abort', 'continue'],
  },
  'snapshot.ociv1.layer.post-extract': {
    stage: 'snapshot',
    kind: 'every',
    called: 'containerd has extracted and committed a layer; in the background, one layer after the other',
    says: 'Keep the layer elsewhere. Not called for a layer that the store had or that a hook has put there. A failure is only logged; with `"abort"` the hooks after it are not called.',
    context: {
      ...base,
      ...snapshotLayer,
      ...({
        source: { type: 'path', says: 'the directory of the layer, as overlayfs has it, not to be written' },
      } as const satisfies Own<SnapshotExtractedContext, SnapshotLayerContext>),
    },
    result: { form: 'none' },
    onFailure: ['abort', 'continue'],
  },
  'runtime.ociv1.container.poststop-archive': {
    stage: 'runtime',
    kind: 'first',
    called: 'a container has stopped, one archive is wanted',
    says: 'Write the archive of what the container changed.',
    context: {
      ...base,
      ...({
        state: { type: 'object', says: 'state of the container, runtime-spec runtime.md' },
        name: { type: 'string', says: 'what the annotations call this archive' },
        key: { type: 'string', says: 'the same when called again for the same stop of the container' },
        mountPoint: { type: 'path', says: 'where in the container the overlay was mounted' },
        upperdir: { type: 'path', says: 'the directory that has the changes' },
        lowerdirs: { type: 'paths', says: 'highest first; empty where they are no longer known' },
        overlay: {
          type: 'overlay format',
          says: 'the overlayfs that wrote the upperdir: the kernel, with userxattr, or fuse-overlayfs',
        },
        destination: { type: 'path', says: 'where the archive goes; for `oci` with `:TAG` behind it' },
        method: { type: 'archive method', says: 'a directory, a tar, or a layer on top of an image' },
        whiteout: { type: 'archive whiteout', says: 'in a tar: as in the upperdir, or as in layers' },
        owner: { type: 'string', says: 'of files in a tar: `UID`, `UID:GID`, or empty for their own' },
        containerPaths: {
          type: 'paths',
          says: 'directories that the container could write to: symlinks in them are not to be followed',
        },
        identity: {
          type: 'path',
          says: 'file for the identity of the archive, written before it is renamed to `destination`; may be empty',
        },
        replace: {
          type: 'boolean',
          says: 'a directory at `destination` is an older archive, to be replaced',
        },
      } as const satisfies Own<PoststopContext, BaseContext>),
    },
    result: {
      form: 'object',
      fields: {
        archived: { type: 'path', required: true, says: 'what was written' },
        bytes: { type: 'integer', required: false, says: 'its size' },
        entries: { type: 'integer', required: false, says: 'how many files it has' },
      },
    },
    onFailure: ['abort'],
  },
} as const satisfies { [P in PointName]: PointRowOf<P> };

/** The names of all points, in the order of the flow. */
export const pointNames = Object.keys(points) as PointName[];

/** Whether `name` is a lifecycle point. */
export function isPoint(name: string): name is PointName {
  return Object.hasOwn(points, name);
}

/** The row of a point, with the type that all rows share. */
export function pointRow(point: PointName): PointRow {
  return points[point];
}
