import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ArchiveRequest, archiveUpperdir } from '../../../src/engine/archive/archive.js';
import { isLayerhookError } from '../../../src/errors/index.js';
import { type ArchiveMethod, declined, type Hooks } from '../../../src/points/points.js';
import { tmpdir } from '../../helpers/tmp.js';

const point = 'runtime.ociv1.container.poststop-archive';

function request(t: ExecutionContext, method: ArchiveMethod): { out: string; request: ArchiveRequest } {
  const base = tmpdir(t);
  const [upperdir, out] = [join(base, 'upper'), join(base, 'out')] as const;
  for (const directory of [upperdir, out]) mkdirSync(directory);
  writeFileSync(join(upperdir, 'new'), 'x');
  const destination = join(out, 'archive');
  return {
    out,
    request: {
      ...{ state: { id: 'box' }, name: 'data', key: 'k', mountPoint: '/data', upperdir, lowerdirs: [] },
      ...{ overlay: 'trusted', destination, method, whiteout: 'overlay', owner: '', replace: false },
      containerPaths: [],
    },
  };
}

test('the engine archives by the method if the hooks of the operator decline', async (t) => {
  const { out, request: wanted } = request(t, 'tar');
  const asked: string[] = [];
  const hooks: Hooks = {
    [point]: ({ method }) => {
      asked.push(method);
      return declined;
    },
  };
  const { archived, entries } = await archiveUpperdir(wanted, {
    hooks: [{ name: 'test', hooks }],
    hooksFile: null,
  });
  t.deepEqual(asked, ['tar']);
  t.is(entries, 2);
  t.is(execFileSync('tar', ['-tf', archived], { encoding: 'utf8' }), './\n./new\n');
  t.deepEqual(readdirSync(out), ['archive']);
});

test('a hook that archives comes before the engine', async (t) => {
  const { out, request: wanted } = request(t, 'copy');
  const hooks = { [point]: () => ({ archived: '/elsewhere' }) };
  t.deepEqual(await archiveUpperdir(wanted, { hooks: [{ name: 'test', hooks }], hooksFile: null }), {
    archived: '/elsewhere',
  });
  t.deepEqual(readdirSync(out), []);
});

test('an unknown method is refused, with the known ones', async (t) => {
  for (const method of ['zip', 'toString', '']) {
    const { out, request: wanted } = request(t, method as ArchiveMethod);
    const error = await t.throwsAsync(archiveUpperdir(wanted, { hooksFile: null }));
    t.true(isLayerhookError(error, 'ARCHIVE_DESTINATION'));
    t.regex(String((error as { hint?: string }).hint), /copy, tar, tar\.gz, tar\.zst, oci/);
    t.deepEqual(readdirSync(out), []);
  }
});

test('no driver takes part: hooks.toml may name one that is missing', async (t) => {
  const { out, request: wanted } = request(t, 'copy');
  const hooksFile = join(tmpdir(t), 'hooks.toml');
  writeFileSync(hooksFile, '[driver]\nname = "@nowhere/driver"\n');
  await archiveUpperdir(wanted, { hooksFile });
  t.deepEqual(readdirSync(join(out, 'archive')), ['new']);
});
