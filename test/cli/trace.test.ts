import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { rowsOf } from '../../src/cli/output/trace/rows.js';
import { traceSvg } from '../../src/cli/output/trace/svg.js';
import { mainFile } from '../helpers/cli.js';
import { writeImage } from '../helpers/image.js';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { runFile } from './run.js';

interface Event {
  name: string;
  ph: string;
  tid: number;
  ts: number;
  dur: number;
  args?: { name?: string; about?: string };
}

const layerhook = (...args: string[]) => runFile(mainFile, args, { XDG_CONFIG_HOME: '/nonexistent' });
const ok = { status: 0, stdout: '', stderr: '' };

/** Names of the spans of each thread; numbers of threads are left out. */
function spansOf(file: string): Record<string, string[]> {
  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: Event[] };
  const threads = traceEvents.filter(({ ph }) => ph === 'M').filter(({ args }) => args?.name);
  return Object.fromEntries(
    threads.map(({ tid, args }) => {
      const own = traceEvents.filter((event) => event.ph === 'X' && event.tid === tid);
      return [args!.name!.replace(/ \d+$/, ''), [...new Set(own.map(({ name }) => name))].sort()];
    }),
  );
}

test('a trace shows what each thread did in unpack, repack and insert', (t) => {
  if (!requires(t, 'root')) return;
  const dir = tmpdir(t);
  // too large to be read as a whole
  const content = randomBytes(3 << 20);
  const { reference, layout } = writeImage(join(dir, 'layout'), [[{ name: 'f', content }]], {
    blob: (bytes) => gzipSync(bytes, { level: 1 }),
  });
  const bundle = join(dir, 'bundle');
  const trace = join(dir, 'trace.json');
  t.deepEqual(layerhook('unpack', '--trace', trace, '--image', reference, bundle), ok);
  const unpacked = spansOf(trace);
  t.deepEqual(unpacked.main, ['commit', 'layerhook unpack']);
  t.true(unpacked['applying layers']!.includes('apply'));
  for (const name of ['read', 'hash']) t.true(unpacked['reading layers']!.includes(name), name);
  const inflated = [...unpacked['reading layers']!, ...(unpacked.pool ?? [])];
  t.true(inflated.includes('inflate'));
  t.true(unpacked.hooks!.includes('unpack.ociv1.bundle.assemble'));

  writeFileSync(join(bundle, 'rootfs/new'), 'x');
  t.deepEqual(layerhook('repack', '--trace', trace, '--image', `${layout}:new`, bundle), ok);
  const repacked = spansOf(trace);
  t.deepEqual(repacked.main, ['commit', 'hash', 'layerhook repack']);
  t.deepEqual(repacked.pool, ['deflate']);

  t.deepEqual(layerhook('insert', '--trace', trace, '--image', reference, trace, '/x'), ok);
  t.deepEqual(spansOf(trace).main, ['commit', 'hash', 'layerhook insert']);
});

test('layers that keep all cores busy have one thread each; with node:zlib two', (t) => {
  if (!requires(t, 'root', 'libisal2')) return;
  const dir = tmpdir(t);
  const layer = (_: unknown, at: number) => [{ name: `f${at}`, content: randomBytes(3 << 20) }];
  const { reference } = writeImage(
    join(dir, 'layout'),
    Array.from({ length: availableParallelism() }, layer),
    {
      blob: (bytes) => gzipSync(bytes, { level: 1 }),
    },
  );
  const trace = join(dir, 'trace.json');
  const unpack = (bundle: string, env: NodeJS.ProcessEnv) => {
    const store = join(dir, `store-${bundle}`);
    const where = ['--driver', 'overlay', '--store', store, '--trace', trace, '--image', reference];
    const at = join(dir, bundle);
    t.deepEqual(runFile(mainFile, ['unpack', ...where, at], { XDG_CONFIG_HOME: '/nonexistent', ...env }), ok);
    t.deepEqual(layerhook('bundle', 'rm', '--store', store, at), ok);
    return spansOf(trace);
  };
  const one = unpack('one', {});
  t.is(one['reading layers'], undefined);
  for (const name of ['read', 'inflate', 'hash', 'apply'])
    t.true(one['applying layers']!.includes(name), name);
  t.truthy(unpack('two', { LAYERHOOK_INFLATE: 'zlib' })['reading layers']);
});

test('a failed command leaves its trace; a trace that cannot be written stops it before the work', (t) => {
  const dir = tmpdir(t);
  const trace = join(dir, 'trace.json');
  t.is(layerhook('unpack', '--trace', trace, '--image', join(dir, 'none'), join(dir, 'b')).status, 3);
  t.deepEqual(spansOf(trace).main, ['layerhook unpack']);
  const { status, stderr } = layerhook(
    'unpack',
    '--trace',
    join(dir, 'no/t'),
    '--image',
    dir,
    join(dir, 'b'),
  );
  t.is(status, 3);
  t.regex(stderr, /no\/t/);
});

test('spans that overlap get rows of their own, nested ones do not; the drawing is well-formed', (t) => {
  const at = (name: string, start: number, end: number, thread = 'pool') => ({
    ...{ name, thread, about: '<&>', start, end },
  });
  const rows = rowsOf([
    at('b', 5, 15),
    at('a', 0, 10),
    at('c', 1, 2),
    at('d', 10, 12),
    at('e', 0, 9, 'main'),
  ]);
  t.deepEqual(
    rows.map(({ name, spans }) => [name, ...spans.map((span) => `${span.name}${span.depth}`)]),
    [
      ['pool', 'a0', 'c1', 'd0'],
      ['pool (2)', 'b0'],
      ['main', 'e0'],
    ],
  );
  if (!requires(t, 'python3')) return;
  const parse =
    'import sys, xml.dom.minidom as m; print(len(m.parse(sys.stdin).getElementsByTagName("title")))';
  const titles = execFileSync('python3', ['-c', parse], { input: traceSvg(rows, 'a & b'), encoding: 'utf8' });
  t.is(titles.trim(), '5');
});
