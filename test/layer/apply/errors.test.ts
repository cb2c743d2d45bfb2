import test from 'ava';
import { entryError } from '../../../src/layer/apply/errors.js';
import { fromText } from '../../../src/system/bytes.js';
import { SystemError } from '../../../src/system/errno.js';

for (const code of ['EFBIG', 'EMFILE', 'ENFILE', 'ENOMEM', 'EROFS', 'EIO', 'ESTALE', 'ETXTBSY'])
  test(`${code} is a fault of the machine, and says what would be right`, (t) => {
    const error = entryError(new SystemError(code, 'write', fromText('a')), 'sha256:1', fromText('a'));
    t.like(error, { code: 'SYSTEM', exitStatus: 11 });
    const { message, hint } = error as { message: string; hint: string };
    t.true(message.startsWith('layer sha256:1: a: ') && message.endsWith(`(${code})`), message);
    t.not(hint, 'check the filesystem that it is unpacked to');
  });

test('a full disk and a quota are NO_SPACE', (t) => {
  for (const code of ['ENOSPC', 'EDQUOT'])
    t.like(entryError(new SystemError(code, 'write', fromText('a')), 'sha256:1', fromText('a')), {
      code: 'NO_SPACE',
    });
});
