/** The engines that `ctk runtime` can configure. */
export type EngineName = 'docker' | 'containerd' | 'crio';

/** The runtime to add. */
export interface AddedRuntime {
  name: string;
  /** absolute path of its program */
  path: string;
  /** arguments before those of the engine, for docker */
  args?: readonly string[];
  /** True if it becomes the default runtime. */
  isDefault: boolean;
  /** name of the runtime whose settings it gets; undefined for the engine's defaults */
  source?: string | undefined;
}

/** A runtime of a configuration. */
export interface EngineRuntime {
  /** path or name of its program; undefined if the configuration gives only the name of the runtime */
  path: string | undefined;
  /** arguments of docker before those of the engine */
  args?: readonly string[];
  /** the type of the runtime, if the engine does not call a program with the command line of runc */
  foreign?: string;
}

/** The runtimes of a configuration. */
export interface RuntimesFound {
  /** by name */
  runtimes: ReadonlyMap<string, EngineRuntime>;
  /** the default runtime, if one is named */
  defaultRuntime: string | undefined;
}

/** The values that an addition replaced, as JSON for the record. Undefined without a record. */
export type Former = unknown;

/**
 * An addition of ours in a configuration: how to find and remove it.
 *
 * Every function of the interfaces in this file throws CTK_CONFIG, without a file, for a text that cannot be parsed. It
 * leaves all other settings unchanged, with their comments and layout.
 */
export interface Presence {
  /** its key in the record */
  key: string;
  /** name of its drop-in file without suffix */
  dropInName: string;
  isThere(text: string): boolean;
  remove(text: string, former: Former): string;
}

/** An addition to a configuration, and how to add it. */
export interface Addition extends Presence {
  /** True if the text has the addition with all its values. */
  isAsAsked(text: string): boolean;
  /** @param inherited the configuration as the engine sees it without the addition, to copy settings from */
  add(text: string, inherited: string): string;
  /** Returns the values that the addition replaces; {@link Presence.remove} restores them. @param old the present record */
  former(text: string, old: Former): Former;
  /** Returns the paths of the tables that change, such as `plugins`, plugin, …; an empty list for docker. */
  tables(text: string): readonly (readonly string[])[];
}

/** A file that replaces the one of its name; an undefined text removes it. */
export interface OtherFile {
  file: string;
  text: string | undefined;
}

/** The format of one engine's configuration. */
export interface ConfigFormat {
  engine: EngineName;
  /** default path of the configuration */
  file: string;
  /** Returns the path of a drop-in file. Missing for an engine that reads only one file. */
  dropIn?: (file: string, name: string) => string;
  /** Returns the values of the text, for comparison. */
  values(text: string): unknown;
  /** Returns the configuration as the engine sees it, with the other files that it reads. */
  inherited(file: string, text: string, other?: OtherFile): string;
  /** Returns the start of a drop-in file, which the addition follows. @param whole the configuration without the file */
  dropInStart(text: string, whole: string, added: Addition): string;
  /** Returns the configuration, changed if necessary so that the engine reads the drop-in file. */
  reading(file: string, text: string, dropIn: string): string;
}

/** The format of an engine's configuration with its runtimes. */
export interface EngineFormat extends ConfigFormat {
  read(text: string): RuntimesFound;
  add(text: string, added: AddedRuntime, inherited: string): string;
  /** @param formerDefault the former default runtime; undefined if the configuration named none */
  remove(text: string, name: string, formerDefault: string | undefined): string;
  /** Returns the paths of the tables with runtimes. */
  tables(text: string): readonly (readonly string[])[];
}
