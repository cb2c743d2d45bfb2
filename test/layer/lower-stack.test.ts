import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LowerStack } from '../../src/layer/lower/lower-stack.js';
import { rootTest } from '../helpers/root-test.js';
import { tmpdir } from '../helpers/tmp.js';

rootTest('a layer that cannot be read fails each lookup that needs it, and no other', (t) => {
  const dir = tmpdir(t);
  const [high, loop] = [join(dir, 'high'), join(dir, 'loop')];
  mkdirSync(join(high, 'd'), { recursive: true });
  writeFileSync(join(high, 'd/f'), '');
  symlinkSync('loop', loop);
  const stack = LowerStack.open([high, join(loop, 'low')], 'trusted');
  const directory = stack.find('d')!.directory!;
  t.is(directory.find('f')!.layer, 0);
  for (let again = 0; again < 2; again++) {
    t.throws(() => directory.find('missing'), { message: /ELOOP/ });
    t.throws(() => stack.find('missing'), { message: /ELOOP/ });
    t.throws(() => directory.names(), { message: /ELOOP/ });
  }
});

rootTest('two walks through one directory do not disturb each other', (t) => {
  const dir = tmpdir(t);
  const layers = ['top', 'middle', 'low'].map((name) => join(dir, name));
  for (const layer of layers) {
    mkdirSync(join(layer, 'd'), { recursive: true });
    writeFileSync(join(layer, 'd', layer.slice(dir.length + 1)), '');
  }
  const stack = LowerStack.open(layers, 'trusted');
  const first = stack.find('d')!.directory!;
  const second = stack.find('d')!.directory!;
  t.is(first.find('middle')!.layer, 1);
  t.is(second.find('low')!.layer, 2);
  t.is(first.find('top')!.layer, 0);
  t.is(first.find('low')!.layer, 2);
  t.is(second.find('missing'), null);
  t.deepEqual([...first.names()].sort(), ['low', 'middle', 'top']);
});
