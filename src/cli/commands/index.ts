import type { CommandTable } from '../command.js';

/** Every command: a row here and a file beside this one. Only the file of the command that is run is loaded. */
export const commands: CommandTable = {};
