import type { FileSystem } from './disk.js';
import type { View } from './look.js';
import type { Command, Place } from './place.js';

/** What is tried under faults. */
export interface Scenario {
  name: string;
  /** the file system that it needs; default: any */
  fileSystem?: FileSystem;
  /** Makes the state that every trial begins with. */
  prepare(place: Place): void;
  /** Mounts what is mounted when the command starts. */
  begin?(place: Place): void;
  command(place: Place): Command;
  /** what shows the state */
  looks: ((place: Place) => View)[];
  /** commands that free what a fault left, without naming anything */
  gc(place: Place): Command[];
  /** files that no garbage collection can find, and that the command removes when it is repeated */
  leaves?: RegExp;
  /** what the command says if it has been done already */
  done?: RegExp;
  /** what the command says if it has done its work in another way, which needs other files */
  otherwise?: RegExp;
  /** true: the command removes the bundle, which may be refused from then on */
  removes?: true;
}
