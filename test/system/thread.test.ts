import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { startThread } from '../../src/system/thread.js';
import { tmpdir } from '../helpers/tmp.js';

/** Starts a thread that runs `code`. Returns the reasons of its end, and what settles when it has ended. */
function start(t: ExecutionContext, code: string): { reasons: unknown[]; ended: Promise<void> } {
  const file = join(tmpdir(t), 'thread.mjs');
  writeFileSync(file, `import { parentPort } from 'node:worker_threads';\n${code}`);
  const reasons: unknown[] = [];
  const worker = startThread(pathToFileURL(file), {
    what: 'testing',
    onEnd: (reason) => reasons.push(reason),
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  return { reasons, ended: new Promise((resolve) => worker.once('exit', () => resolve())) };
}

const ends: [how: string, code: string, message: RegExp][] = [
  ['a module that cannot be loaded', "import './none.mjs';", /Cannot find module/],
  ['malformed code', 'const = 1;', /token/],
  ['an exception', "throw new Error('thrown');", /^thrown$/],
  ['an exception later', "setTimeout(() => { throw new Error('thrown'); });", /^thrown$/],
  ['an unhandled rejection', "void Promise.reject(new Error('rejected'));", /^rejected$/],
  [
    'a full heap',
    'const all = []; for (;;) all.push(new Array(10000).fill(all.length));',
    /^testing: the thread is out of memory$/,
  ],
  ['process.exit', 'process.exit(0);', /^testing was interrupted$/],
  ['an end without a word', '', /^testing was interrupted$/],
];

for (const [how, code, message] of ends) {
  test(`${how} reaches the starter once`, async (t) => {
    const { reasons, ended } = start(t, code);
    await ended;
    t.is(reasons.length, 1);
    t.regex((reasons[0] as Error).message, message);
  });
}
