/** What `ctk runtime` can configure. */
export type EngineName = 'docker' | 'containerd' | 'crio';

/** The runtime to add. */
export interface AddedRuntime {
  name: string;
  /** absolute path of its program */
  path: string;
  /** whether containers that ask for none get it */
  isDefault: boolean;
}

/** What a configuration says of runtimes. */
export interface RuntimesFound {
  /** path of the program of each runtime, by name; undefined where the engine knows it by name alone */
  runtimes: ReadonlyMap<string, string | undefined>;
  /** the default runtime, if one is named */
  defaultRuntime: string | undefined;
}

/** What the record keeps of what stood in the place of ours; JSON. Undefined if there is no record. */
export type Former = unknown;

/**
 * Something of ours in a configuration, as it is found and taken out again.
 *
 * Here as below, every function throws CTK_CONFIG, without a file, for a text that cannot be read, and leaves all that
 * is not ours as it is, with comments and layout.
 */
export interface Presence {
  /** what the record calls it */
  key: string;
  /** first part of the name of its drop-in file */
  dropInName: string;
  isThere(text: string): boolean;
  remove(text: string, former: Former): string;
}

/** Something of ours, as it is put into a configuration. */
export interface Addition extends Presence {
  /** Whether the text says what is asked. */
  isAsAsked(text: string): boolean;
  /** @param inherited a configuration that the engine reads beside this one, to copy settings from */
  add(text: string, inherited: string): string;
  /** What ours takes the place of, {@link Presence.remove} puts it back. @param old what is remembered already */
  former(text: string, old: Former): Former;
  /** Tables that are changed, the top one and the plugin first: none of an engine without plugins. */
  tables(text: string): readonly (readonly string[])[];
}

/** A file in the place of the one of that name; undefined stands for no file. */
export interface OtherFile {
  file: string;
  text: string | undefined;
}

/** How one engine reads its configuration. */
export interface ConfigFormat {
  engine: EngineName;
  /** where the engine has its configuration */
  file: string;
  /** where a drop-in file goes; missing for an engine that reads one file only */
  dropIn?: (file: string, name: string) => string;
  /** What the text says, to be compared. */
  values(text: string): unknown;
  /** The configuration as the engine sees it: with the files that it reads beside `file`. */
  inherited(file: string, text: string, other?: OtherFile): string;
  /** What a drop-in file must have before something is added to it. @param whole the configuration without it */
  dropInStart(text: string, whole: string, added: Addition): string;
  /** The configuration, changed if need be so that the engine reads the drop-in file. */
  reading(file: string, text: string, dropIn: string): string;
}

/** How runtimes are read from an engine's configuration, and changed. */
export interface EngineFormat extends ConfigFormat {
  read(text: string): RuntimesFound;
  add(text: string, added: AddedRuntime, inherited: string): string;
  /** @param formerDefault the default before ours; undefined if none was named */
  remove(text: string, name: string, formerDefault: string | undefined): string;
  /** The tables that have runtimes. */
  tables(text: string): readonly (readonly string[])[];
}
