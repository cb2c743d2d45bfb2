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

/**
 * How one engine's configuration is read and changed, as text: all that is not ours stays as it is, with its
 * comments and layout.
 *
 * Every function throws CTK_CONFIG, without a file, for a text that cannot be read.
 */
export interface EngineFormat {
  engine: EngineName;
  /** where the engine has its configuration */
  file: string;
  /** where a drop-in file of a runtime goes; missing for an engine that reads one file only */
  dropIn?: (file: string, name: string) => string;
  /** What the text says, to be compared. */
  values(text: string): unknown;
  read(text: string): RuntimesFound;
  /** @param inherited a configuration that the engine reads beside this one, to copy a runtime's settings from */
  add(text: string, added: AddedRuntime, inherited: string): string;
  /** @param formerDefault the default before ours; undefined if none was named */
  remove(text: string, name: string, formerDefault: string | undefined): string;
  /** The configuration as the engine sees it: with the files that it reads beside `file`. */
  inherited(file: string, text: string, except?: string): string;
  /** The text of a drop-in file. */
  dropInText(file: string, text: string, dropIn: string, added: AddedRuntime): string;
  /** The configuration, changed if need be so that the engine reads the drop-in file. */
  reading(file: string, text: string, dropIn: string): string;
}
