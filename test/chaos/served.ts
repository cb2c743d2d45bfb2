/** What is tried under faults on snapshots of a served store. */
import { resolve } from 'node:path';
import type { View } from './look.js';
import { type Command, type Place, succeedIn } from './place.js';
import { storeGc } from './prepared.js';
import type { Scenario } from './scenario.js';

const extracting = (program: string, { store }: Place): Command => ({
  argv: [process.execPath, resolve(`dist/test/chaos/${program}.js`), store],
});

/** The snapshots that a client sees, with their files. */
function snapshots(place: Place): View {
  const { argv } = extracting('commit', place);
  return JSON.parse(succeedIn(place, { argv: [...argv, 'list'] })) as View;
}

const rest = {
  prepare: () => {},
  looks: [snapshots],
  gc: storeGc,
  // the active snapshot of a killed client, which belongs to the client until the repeated call removes it
  leaves: /^\/store\/snapshots\//,
};

export const ofServed: readonly Scenario[] = [
  { name: 'commit', command: (place) => extracting('commit', place), ...rest },
  {
    name: 'snapshotter serve',
    // it reads package.json
    command: (place) => ({ ...extracting('survive', place), tracesChild: true, cwd: process.cwd() }),
    ...rest,
    // a killed server leaves its socket
    leaves: /^\/(store\/snapshots\/|socket$)/,
  },
];
