import type { Limits } from '../errors/index.js';
import type { HookSource } from '../points/dispatch.js';
import type { OnFailure, PointName } from '../points/points.js';
import type { Durability } from '../store/types.js';

/** hooks.toml, checked. */
export interface LoadedConfig {
  /** absolute path of the file */
  file: string;
  /** the storage driver, or null to leave it to others */
  driver: DriverChoice | null;
  /** whether unpack writes an mtree manifest, or null to leave it to the driver */
  mtree: 'always' | 'never' | null;
  /** absolute path of the layer store, or null to leave it to others */
  store: string | null;
  /** when the layer store trusts what was committed, or null for its default */
  durability: Durability | null;
  /** changed limits: those of the caller, else those of [limits] */
  limits: Limits;
  /** the `[[hook]]` tables in the order of the file */
  entries: HookEntry[];
  /** the same as the dispatcher takes them */
  sources: HookSource[];
}

export interface DriverChoice {
  /** a shipped driver (`copy`), the name of a package or program, or the absolute path of a module */
  name: string;
  /** what its factory gets */
  options: Record<string, unknown>;
  /** true: the library gave the driver as an object, so that `name` leads to no module */
  asObject?: boolean | undefined;
  /** the driver is this program; only hooks.toml says so, never a bundle */
  program?: DriverProgram;
}

/** A program that is a driver. */
export interface DriverProgram extends ExecRun {
  points: PointName[];
  /** seconds for each call; 0 = without limit */
  timeout: number;
}

/** One `[[hook]]` table. */
export interface HookEntry {
  /** where the table starts, from 1 */
  line: number;
  /** what messages call it: `hooks.toml:12 exec /usr/libexec/cache`, or its `name` in place of the command */
  owner: string;
  /** the same without file and line */
  key: string;
  points: PointName[];
  run: ExecRun | ModuleRun;
  /** seconds; 0 = without limit */
  timeout: number;
  onFailure: OnFailure;
}

export interface ExecRun {
  type: 'exec';
  /** absolute path of the program, then its arguments; the name of the point comes after them */
  argv: [string, ...string[]];
  /** added to the minimal environment */
  env: Record<string, string>;
}

export interface ModuleRun {
  type: 'module';
  /** absolute path */
  file: string;
  /** what the default export gets if it is a function */
  options: Record<string, unknown>;
}
