import type { CommandTable } from '../command.js';

/** Every command: a row here and a file beside this one. Only the file of the command that is run is loaded. */
export const commands: CommandTable = {
  raw: {
    summary: 'more than most users need',
    description: 'Commands that work on the parts of images and bundles.',
    commands: {
      'mtree-validate': {
        summary: 'checks a directory against an mtree manifest',
        hidden: true,
        load: () => import('./raw-mtree-validate.js'),
      },
    },
  },
};
