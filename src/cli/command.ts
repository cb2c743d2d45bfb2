import type { ProgressEvent } from '../engine/progress.js';
import type { Logger } from '../system/logger.js';

/** The name this program was called by: it has umoci's manners when called `umoci`. */
export type Persona = 'layerhook' | 'umoci';

/** One option; its key in {@link CommandSpec.options} is its long name without dashes. */
export interface OptionSpec {
  describe: string;
  /** placeholder of its value; without one it is a switch */
  value?: string;
  /** may be given several times */
  many?: true;
  required?: true;
  /** an empty value means something */
  mayBeEmpty?: true;
  /** other names without dashes; those of one letter are short flags */
  alias?: readonly string[];
  /** left out of every help */
  hidden?: true;
  /** not one of umoci's: understood under that name too, but left out of its help */
  extension?: true;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What a command gets: switches as booleans, values as strings. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [Name in keyof O]: O[Name] extends { many: true }
    ? readonly string[]
    : O[Name] extends { value: string }
      ? O[Name] extends { required: true }
        ? string
        : string | undefined
      : boolean;
};

/** What a command may use of the world. */
export interface CommandContext {
  persona: Persona;
  /** aborted by SIGINT, SIGTERM and SIGHUP */
  signal: AbortSignal;
  log: Logger;
  /** shows how far an operation is; silent when stderr is no terminal */
  onProgress: (event: ProgressEvent) => void;
  /** `--hooks FILE` */
  hooksFile: string | undefined;
  /** Writes a line to stdout; bytes go out as they are, for names that are not UTF-8. */
  print(line: string | Uint8Array): void;
}

/** One command: the default export of a file in src/cli/commands, listed in commands/index.ts. */
export interface CommandSpec<O extends OptionSpecs = OptionSpecs> {
  /** what stands behind the options in a usage line */
  usage: string;
  /** paragraphs, wrapped by hand at 79 columns */
  description: string;
  /** names of the positional arguments, all required; leave it out to check them in `run` */
  arguments?: readonly string[];
  options: O;
  /** signals end it at once: it leaves nothing half done, and reads for long without looking up */
  endsAtOnce?: true;
  /** The exit status is 0, or the number returned. Errors are thrown, never printed. */
  run(args: readonly string[], options: OptionValues<O>, context: CommandContext): Promise<number | void>;
}

/** Infers the types of the options that `run` gets. */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): CommandSpec {
  return spec as unknown as CommandSpec;
}

/** A row of the command table: enough for an overview, without loading the command. */
export interface CommandEntry {
  summary: string;
  aliases?: readonly string[];
  /** heading in the overview */
  group?: 'image' | 'layout';
  hidden?: true;
  /** only under this name */
  persona?: Persona;
  load(): Promise<{ default: CommandSpec }>;
}

/** A word that other commands stand behind, such as `raw`. */
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
