/** A command line of its own: the real frame, with commands that do what tests want to see it handle. */
import { setTimeout as sleep } from 'node:timers/promises';
import { historyFlags, imageFlag, mapFlags, readHistory, readMap } from '../../src/cli/args/flags.js';
import { type CommandTable, defineCommand } from '../../src/cli/command.js';
import { main } from '../../src/cli/program.js';
import { LayerhookError } from '../../src/errors/index.js';

const echo = defineCommand({
  usage: '--image PATH[:TAG] THING',
  description: 'Prints what it was given.',
  arguments: ['thing'],
  examples: [],
  options: {
    ...imageFlag,
    ...mapFlags,
    ...historyFlags,
    manifest: { value: 'FILE', alias: ['f', 'file'], describe: 'has other names' },
    driver: { value: 'NAME', extension: true, describe: 'is not umoci’s' },
  },
  async run(args, options, { print, log, hooksFile }) {
    const history = readHistory(options, 'echo');
    const map = readMap(options);
    log.debug('debugging');
    log.info('informing', { count: 2 });
    log.warn('warning', { path: '/x y' });
    if (args[0] === 'evil') log.warn('a\nb\u001b[2J', { name: 'c\u001bd' });
    print(JSON.stringify({ args, options, map, history, hooksFile }));
  },
});

const fail = defineCommand({
  usage: 'HOW',
  description: 'Fails.',
  examples: [],
  options: {},
  async run([how]) {
    const path = '/some/where';
    const cause = new Error('the cause');
    if (how === 'known') throw new LayerhookError('LAYOUT_NOT_FOUND', { path }, cause);
    if (how === 'BLOB_DIGEST' || how === 'BLOB_SIZE')
      throw new LayerhookError(how, { digest: 'sha256:0', path: '/l', actual: 1, expected: 2 });
    if (how === 'escapes') throw new LayerhookError('LAYOUT_NOT_FOUND', { path: 'a\nb\u001b[31m' });
    if (how === 'later')
      await new Promise(() => setTimeout(() => Promise.reject(new Error('unhandled')), 10));
    if (how === 'bug') throw new TypeError('cannot read\nof undefined');
    throw Object.assign(new Error(`${how}: xyz, open`), { code: how, syscall: 'open', path });
  },
});

const wait = defineCommand({
  usage: '',
  description: 'Waits to be interrupted.',
  examples: [],
  options: { stubborn: { describe: 'does not heed the signal' } },
  async run(_, { stubborn }, { signal, print }) {
    print('waiting');
    if (stubborn) signal.addEventListener('abort', () => print('noticed'));
    await sleep(20_000, undefined, stubborn ? {} : { signal }).catch(() => {});
    print('cleaned up');
    signal.throwIfAborted();
  },
});

const read = defineCommand({
  usage: '',
  description: 'Reads for long, and leaves nothing behind.',
  examples: [],
  options: {},
  endsImmediately: true,
  async run(_, __, { print }) {
    print('reading');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
    print('read');
  },
});

const work = defineCommand({
  usage: '',
  description: 'Tells of its progress.',
  examples: [],
  options: {},
  async run(_, __, { onProgress, log, print }) {
    const layers = Array.from({ length: 120 }, (_, index) => ({
      digest: `sha256:${String(index).padStart(64, '0')}`,
      size: 1000,
    }));
    onProgress?.({ type: 'layers', layers });
    for (let index = 0; index < layers.length; index++) {
      for (let blobBytes = 0; blobBytes <= 1000; blobBytes += 250) {
        onProgress?.({
          type: 'layer-progress',
          index,
          blobBytes,
          bytes: blobBytes * 3000,
          entries: blobBytes,
        });
        await sleep(2);
      }
      if (index === 60) log.warn('a word in between');
      onProgress?.({ type: 'layer-done', index, bytes: 3_000_000, entries: 1000 });
    }
    onProgress?.({ type: 'phase', name: 'assemble' });
    print('finished');
  },
});

const lines = defineCommand({
  usage: '',
  description: 'Prints many lines.',
  examples: [],
  options: {},
  async run(_, __, { print }) {
    for (let line = 0; line < 100_000; line++) print(`line ${line}`);
    await sleep(50);
  },
});

const busy = defineCommand({
  usage: '',
  description: 'Computes for so long that a profiler takes samples.',
  examples: [],
  options: {},
  async run(_, __, { print }) {
    const start = process.cpuUsage();
    while (process.cpuUsage(start).user < 300_000);
    print('computed');
  },
});

const loaded = (spec: ReturnType<typeof defineCommand>) => async () => ({ default: spec });

const table: CommandTable = {
  echo: { group: 'image', summary: 'prints', aliases: ['say'], load: loaded(echo) },
  fail: { group: 'layout', summary: 'fails', load: loaded(fail) },
  wait: { summary: 'waits', load: loaded(wait) },
  read: { summary: 'reads', load: loaded(read) },
  work: { summary: 'works', load: loaded(work) },
  busy: { summary: 'computes', hidden: true, load: loaded(busy) },
  lines: { summary: 'prints lines', hidden: true, load: loaded(lines) },
  ours: { summary: 'only ours', persona: 'layerhook', load: loaded(echo) },
  raw: {
    summary: 'advanced',
    description: 'Commands that stand behind a word.',
    commands: { echo: { summary: 'prints too', load: loaded(echo) } },
  },
};

process.exitCode = await main(process.argv, table);
