import type { ResultFields } from './fields.js';
import type { PreExtractResult } from './points.js';

/** The forms of a result that is a union by its key `into`. */
export type UnionForms<R extends { into: string }> = {
  readonly [K in R['into']]: {
    readonly says: string;
    readonly fields: ResultFields<Omit<Extract<R, { into: K }>, 'into'>>;
  };
};

const timeoutSays =
  'seconds for the reader or the program; default: the timeout of the hook, or 300; 0 = without limit';

/** What table.ts says about the results of pre-extract. */
export const preExtractForms = {
  rootfs: {
    says: 'on top of the layers below, in order',
    fields: {
      target: {
        type: 'path',
        required: false,
        says: 'a directory that holds the layers below; default: rootfs',
      },
    },
  },
  directory: {
    says: 'on its own, into its own directory; such layers are extracted in parallel',
    fields: {
      target: {
        type: 'path',
        required: true,
        says: 'the directory, which exists and is empty; it gets the attributes of a new root directory',
      },
      whiteouts: { type: 'whiteouts', required: true, says: 'how whiteouts are written' },
      overlayXattr: {
        type: 'overlay xattr',
        required: false,
        says: 'where the mount will read the attributes of overlayfs; default: `"trusted"`',
      },
      mtree: {
        type: 'boolean',
        required: false,
        says: 'keep what `writeMtree` of post-extract needs; default: `false`',
      },
    },
  },
  tar: {
    says: 'not extracted: the uncompressed tar goes to a file or FIFO; such layers are taken in parallel',
    fields: {
      target: {
        type: 'path',
        required: true,
        says: 'the file, which is named so when it is complete and verified, or a FIFO; removed if the layer fails',
      },
      offset: {
        type: 'integer',
        required: false,
        says: 'bytes of zeros before the tar, in a regular file; default: `0`',
      },
      onEntries: {
        type: 'function of entries',
        required: false,
        says: 'called when the layer begins, with the [entries](#entries) as they are read; post-extract waits for its promise',
      },
      timeout: { type: 'integer', required: false, says: timeoutSays },
    },
  },
  command: {
    says: "not extracted: the uncompressed tar goes to a program's standard input; such layers are taken in parallel",
    fields: {
      argv: {
        type: 'argv',
        required: true,
        says: 'the program and its arguments; it must read all of its input, and exit with 0',
      },
      target: {
        type: 'path',
        required: false,
        says: 'what the program makes: missing before, removed if the layer fails',
      },
      timeout: { type: 'integer', required: false, says: timeoutSays },
    },
  },
} as const satisfies UnionForms<PreExtractResult>;
