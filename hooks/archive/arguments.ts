import { parseArgs } from 'node:util';
import { LayerhookError } from 'layerhook';
import { type Level, levels } from './log.js';

export interface Arguments {
  command: 'archive' | 'retry' | 'version' | 'help';
  /** for `retry`: IDs of containers; empty for all */
  containers: string[];
  level: Level;
  syslog: boolean;
  mountProgram: string;
  stateDir: string | undefined;
  hooksFile: string | undefined;
}

export const help = `Usage: archive_overlay [options] < STATE
       archive_overlay [options] retry [CONTAINER...]

A poststop hook of OCI runtimes: archives the upperdirs of the overlay mounts that the container's annotations
name. It reads the state of the container, as JSON, from standard input. docs/archive-overlay.md describes the annotations.

retry makes the archives that failed or were interrupted, for all containers or for the given ones.

      --log-level LEVEL     least level of logged messages: ${levels.join(', ')} (default info)
      --syslog              log to syslog too
      --mount-program PATH  program that serves FUSE overlay mounts (default /usr/bin/fuse-overlayfs)
      --state-dir DIR       directory for the records of results
                            (default /var/lib/layerhook/archives, without root ~/.local/share/layerhook/archives)
      --hooks FILE          hooks.toml to use
  -v, --version             print the version
  -h, --help                print this help
`;

/** @throws LayerhookError USAGE */
export function readArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const level = values['log-level'].toLowerCase();
  if (!levels.includes(level as Level))
    throw usage(`Log Level "${values['log-level']}" is not supported, choose from: ${levels.join(', ')}`);
  const [word, ...containers] = positionals;
  if (word !== undefined && word !== 'retry') throw usage(`unknown command ${word}`);
  const command = values.version ? 'version' : values.help ? 'help' : (word ?? 'archive');
  return {
    command,
    containers,
    level: level as Level,
    syslog: values.syslog,
    mountProgram: values['mount-program'],
    stateDir: values['state-dir'],
    hooksFile: values.hooks,
  };
}

function parse(argv: readonly string[]) {
  // programs written in Go accept a value for booleans
  const args = argv
    .filter((arg) => arg !== '--syslog=false')
    .map((arg) => arg.replace(/^(--syslog)=true$/, '$1'));
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        'log-level': { type: 'string', default: 'info' },
        syslog: { type: 'boolean', default: false },
        'mount-program': { type: 'string', default: '/usr/bin/fuse-overlayfs' },
        'state-dir': { type: 'string' },
        hooks: { type: 'string' },
        version: { type: 'boolean', short: 'v', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function usage(reason: string): LayerhookError {
  return new LayerhookError('USAGE', { reason, command: 'archive_overlay' });
}
