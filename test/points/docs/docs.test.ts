import { readFileSync } from 'node:fs';
import test from 'ava';
import { sampleContext } from '../../../src/config/sample.js';
import { createDispatcher } from '../../../src/points/dispatch.js';
import type { LayerContext } from '../../../src/points/points.js';
import { silentLogger } from '../../../src/system/logger.js';
import { load, privateDir, write } from '../../config/helpers.js';
import { requires } from '../../helpers/requires.js';
import { withPoints } from './docs.js';

const document = readFileSync('docs/hook-protocol.md', 'utf8');
const block = (language: string) =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(document)?.[1] as string;

test('docs/hook-protocol.md has the tables of the code', (t) => {
  t.is(document, withPoints(document), 'run: node dist/test/points/docs/docs.js');
});

test('the transcript equals a real run', async (t) => {
  if (!requires(t, 'jq')) return;
  const dir = privateDir(t);
  const program = write(dir, 'small-layers', block('sh'), 0o755);
  const shown = '/usr/local/libexec/small-layers';
  const loaded = await load(dir, block('toml').replace(shown, program));
  const scope = { log: silentLogger, signal: new AbortController().signal };
  const dispatcher = createDispatcher(loaded?.sources ?? [], scope);
  const point = 'unpack.ociv1.layer.try-skip';
  const context = sampleContext(point) as unknown as LayerContext;
  const error = await t.throwsAsync(dispatcher.first(point, context), { code: 'HOOK_FAILED' });
  t.true(document.includes(`\n${error?.message.replace(program, shown)}\n`), error?.message);
  context.descriptor = { ...context.descriptor, size: 5 };
  t.deepEqual(await dispatcher.first(point, context), { handled: false });
});
