import type { CommandTable } from '../command.js';

/** Every command: a row here and a file beside this one. Only the file of the command that is run is loaded. */
export const commands: CommandTable = {
  hooks: {
    summary: 'shows, checks and calls hooks',
    description: 'Commands for those who write hooks. docs/hook-protocol.md describes them.',
    persona: 'layerhook',
    commands: {
      check: {
        summary: 'checks a hooks.toml, and shows what each hook would be called with',
        load: () => import('./hooks-check.js'),
      },
    },
  },
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
