import { LayerhookError } from '../errors/index.js';
import { containerdVersion, isAtLeast } from './containerd-version.js';

/** The first version of containerd that mounts EROFS itself: its own snapshotter `erofs` came with it. */
const firstVersion = [2, 1] as const;

export interface ErofsLayersOptions {
  /** path of containerd's gRPC socket, by which containerd tells its version */
  containerd: string;
  /** returns why this process cannot mount EROFS images in the store; null if it can */
  whyNot: () => Promise<string | null>;
  /** gets the reason, once, if snapshots stay directories */
  warn: (reason: string) => void;
}

/**
 * Decides if containerd's committed snapshots become EROFS images: only for a containerd that knows EROFS, and where the kernel
 * mounts the images. containerd may start after this server, so the decision may have to wait for the first commit.
 */
export class ErofsLayers {
  readonly #options: ErofsLayersOptions;
  #decision: Promise<boolean> | undefined;

  constructor(options: ErofsLayersOptions) {
    this.#options = options;
  }

  /**
   * Checks containerd's version, if containerd answers already.
   *
   * @throws LayerhookError CONTAINERD_VERSION if containerd is too old
   */
  async begin(): Promise<void> {
    const version = await containerdVersion(this.#options.containerd);
    const reason = version === null ? null : whyNotVersion(version);
    if (reason !== null) throw new LayerhookError('CONTAINERD_VERSION', { reason });
  }

  /** Returns true if a committed snapshot must become an image. */
  isUsed(): Promise<boolean> {
    this.#decision ??= this.#decide();
    return this.#decision;
  }

  async #decide(): Promise<boolean> {
    const { containerd, whyNot, warn } = this.#options;
    const version = await containerdVersion(containerd);
    const reason =
      version === null
        ? `no containerd answers at ${containerd}`
        : (whyNotVersion(version) ?? (await whyNot()));
    if (reason !== null) warn(reason);
    return reason === null;
  }
}

function whyNotVersion(version: string): string | null {
  if (isAtLeast(version, ...firstVersion)) return null;
  return `containerd has the version ${version}`;
}
