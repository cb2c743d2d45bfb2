import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { keepTimes } from '../helpers/times.js';

const names = ['touched', 'rewritten', 'replaced', 'moved'];

/** Creates the files of {@link editWithoutChange}. @param at gives the path of a name in the rootfs */
export function writeQuietFiles(at: (name: string) => string): void {
  for (const name of names) {
    writeFileSync(at(name), name);
    utimesSync(at(name), 1, 1);
  }
}

/** Edits files, and brings back their content, whole seconds and names: no driver may call that a change. */
export function editWithoutChange(at: (name: string) => string): void {
  utimesSync(at('touched'), 1, 5);
  utimesSync(at('touched'), 1, 1.5);
  keepTimes(at('rewritten'), () => writeFileSync(at('rewritten'), 'rewritten'));
  rmSync(at('replaced'));
  writeFileSync(at('replaced'), 'replaced');
  utimesSync(at('replaced'), 1, 1);
  renameSync(at('moved'), at('moved-2'));
  renameSync(at('moved-2'), at('moved'));
}
