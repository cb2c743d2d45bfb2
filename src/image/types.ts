/** The documents of the OCI image-spec 1.1. Unknown fields survive, because documents are read and written as a whole. */

/** `algorithm:hex`; image-spec descriptor.md, "Digests". */
export type Digest = `${string}:${string}`;

/** image-spec descriptor.md. `size` in bytes; `data` is base64. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  data?: string;
  artifactType?: string;
  platform?: Platform;
  [unknown: string]: unknown;
}

/** Fields that are missing or empty mean the same. */
export interface Platform {
  architecture?: string;
  os?: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

/** image-spec image-index.md. */
export interface Index {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  manifests: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
  [unknown: string]: unknown;
}

/** image-spec manifest.md. */
export interface Manifest {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor;
  annotations?: Record<string, string>;
  [unknown: string]: unknown;
}

/** image-spec config.md. Dates are RFC 3339. */
export interface ImageConfig {
  created?: string;
  author?: string;
  architecture?: string;
  os?: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
  config?: ExecutionConfig;
  rootfs: { type: 'layers'; diff_ids: Digest[] };
  history?: History[];
  [unknown: string]: unknown;
}

export interface ExecutionConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  [unknown: string]: unknown;
}

export interface History {
  created?: string;
  author?: string;
  created_by?: string;
  comment?: string;
  empty_layer?: boolean;
  [unknown: string]: unknown;
}

/** An image found by its reference. */
export interface ResolvedImage {
  /** the tag */
  reference: string;
  /** from the descriptor in index.json to the manifest's own descriptor, at least one; umoci's `descriptor_walk` */
  path: [Descriptor, ...Descriptor[]];
  manifest: Manifest;
  manifestDescriptor: Descriptor;
  config: ImageConfig;
  configDescriptor: Descriptor;
}
