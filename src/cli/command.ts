import type { ProgressEvent } from '../engine/progress.js';
import type { Logger } from '../system/logger.js';

/** The name that this program was called by. Called as `umoci`, it behaves like umoci. */
export type Persona = 'layerhook' | 'umoci';

/** One option; its key in {@link CommandSpec.options} is its long name without dashes. */
export interface OptionSpec {
  /** noun phrase or imperative without a full stop; a default comes last, in brackets: `(default: gzip)` */
  describe: string;
  /** placeholder of the value in the help; an option without one is a switch */
  value?: string;
  /** True if the option may be given several times. */
  many?: true;
  required?: true;
  /** True if an empty value is allowed. */
  mayBeEmpty?: true;
  /** other names without dashes; a name of one letter is a short flag */
  alias?: readonly string[];
  /** True if no help shows the option. */
  hidden?: true;
  /** True for an option that umoci lacks. Called as `umoci`, the program accepts it but leaves it out of the help. */
  extension?: true;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** Parsed options, as a command receives them: switches are booleans, values are strings. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [Name in keyof O]: O[Name] extends { many: true }
    ? readonly string[]
    : O[Name] extends { value: string }
      ? O[Name] extends { required: true }
        ? string
        : string | undefined
      : boolean;
};

/** The environment of a command: its log, its output and its cancellation. */
export interface CommandContext {
  persona: Persona;
  /** all commands, for a command that describes them */
  table: CommandTable;
  /** aborted by SIGINT, SIGTERM and SIGHUP */
  signal: AbortSignal;
  log: Logger;
  /**
   * Shows the progress of an operation: bars on a terminal, elsewhere with --verbose a line for each layer. Undefined if
   * nothing is shown.
   */
  onProgress: ((event: ProgressEvent) => void) | undefined;
  /** `--hooks FILE` */
  hooksFile: string | undefined;
  /** Writes a line to stdout. Bytes are written unchanged, since file names need not be UTF-8. */
  print(line: Line): void;
  /** Writes a result to stdout: as JSON with `--json`, else as lines. Only for commands with {@link CommandSpec.json}. */
  show(result: Shown): Promise<void>;
}

/** A line of output, without its newline. */
export type Line = string | Uint8Array;

/** A result in its two forms. Only the wanted form is computed. */
export interface Shown {
  /**
   * Returns the value that `--json` prints. Its field names are stable and listed in docs/json.md. A generator is an array
   * that is printed while it is made, one element a line.
   */
  json(): unknown;
  /** Returns the lines for people. */
  text(): Lines | Promise<Lines>;
}

export type Lines = Iterable<Line> | AsyncIterable<Line>;

/** One command: the default export of a file in src/cli/commands, listed in commands/index.ts. */
export interface CommandSpec<O extends OptionSpecs = OptionSpecs> {
  /** the usage line, without the name of the command */
  usage: string;
  /** sentences that start with an imperative, wrapped by hand at 76 columns */
  description: string;
  /** command lines as a user types them, the most usual first */
  examples: readonly string[];
  /** names of the positional arguments, all required; if missing, `run` checks the arguments */
  arguments?: readonly string[];
  /** the values that an argument can have, if it is not the name of a file: completions offer these only */
  words?: readonly string[];
  options: O;
  /** True for a command that has a result for scripts: it gets the option `--json`, and prints with {@link CommandContext.show}. */
  json?: true;
  /**
   * True if a signal may kill the command outright. Such a command has no unfinished work to undo, and its long
   * synchronous reads would delay the handling of a signal.
   */
  endsImmediately?: true;
  /** Runs the command. Returns the exit status, by default 0. Errors are thrown, never printed. */
  run(args: readonly string[], options: OptionValues<O>, context: CommandContext): Promise<number | void>;
}

/** Returns `spec`. The parameter's type gives `run` the types of the options. */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): CommandSpec {
  return spec as unknown as CommandSpec;
}

const jsonOption = {
  json: { extension: true, describe: 'print JSON with stable field names (docs/json.md)' },
} as const satisfies OptionSpecs;

/** Returns the options of a command: its own, and those that the command table adds. */
export function optionsOf({ options, json }: Pick<CommandSpec, 'options' | 'json'>): OptionSpecs {
  return json ? { ...options, ...jsonOption } : options;
}

/** A row of the command table: enough for the overview, so that the overview loads no command. */
export interface CommandEntry {
  /** imperative without a full stop */
  summary: string;
  aliases?: readonly string[];
  /** heading in the overview */
  group?: 'image' | 'layout';
  hidden?: true;
  /** the only name of the program under which the command exists */
  persona?: Persona;
  load(): Promise<{ default: CommandSpec }>;
}

/** A word that comes before the names of several commands, such as `raw`. */
export interface CommandGroup {
  summary: string;
  description: string;
  aliases?: readonly string[];
  group?: 'image' | 'layout';
  hidden?: true;
  persona?: Persona;
  commands: CommandTable;
}

export type CommandTable = Readonly<Record<string, CommandEntry | CommandGroup>>;
