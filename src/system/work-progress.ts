/** How much of one piece of work is done. */
export interface WorkProgress {
  /** part of `total` that is done */
  done: number;
  /** 0 if unknown */
  total: number;
  /** bytes of content so far */
  bytes: number;
  /** files, blobs or layers so far */
  entries: number;
}

/** Receives the progress of one piece of work. */
export type OnProgress = (progress: WorkProgress) => void;
