import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { exists } from '../../src/system/exists.js';
import { tmpdir } from '../helpers/tmp.js';

test('a path that leads nowhere does not exist; one that cannot be followed is an error', (t) => {
  const dir = tmpdir(t);
  const at = (name: string) => join(dir, name);
  writeFileSync(at('file'), '');
  symlinkSync('file', at('link'));
  symlinkSync('missing', at('dangling'));
  symlinkSync('loop', at('loop'));
  t.true(exists(at('file')));
  t.true(exists(at('link')));
  t.false(exists(at('missing')));
  t.false(exists(at('file/below')));
  t.false(exists(at('dangling')));
  t.throws(() => exists(at('loop')), { code: 'SYSTEM', message: /^reading \S+\/loop: .*\(ELOOP\)/ });
  t.throws(() => exists(at('x'.repeat(300))), { code: 'SYSTEM', message: /\(ENAMETOOLONG\)/ });
});
