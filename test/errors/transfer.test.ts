import { closeSync } from 'node:fs';
import test from 'ava';
import { errorCode, fsError } from '../../src/errors/fs-error.js';
import { receiveError, transferError } from '../../src/errors/transfer.js';
import { SystemError } from '../../src/system/errno.js';

function thrown(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('the code, the call and the path of a system error reach the other thread', (t) => {
  const received = (error: unknown) => receiveError(structuredClone(transferError(error)));
  const node = received(thrown(() => closeSync(999_999))) as NodeJS.ErrnoException;
  t.like(node, { code: 'EBADF', syscall: 'close' });
  const own = received(new SystemError('EDQUOT', 'write', '/a b')) as NodeJS.ErrnoException;
  t.like(own, { code: 'EDQUOT', syscall: 'write', path: '/a b', name: 'SystemError' });
  const quota = Object.assign(new Error('Unknown system error -122: Unknown system error -122, close'), {
    ...{ errno: -122, code: 'Unknown system error -122', syscall: 'close' },
  });
  t.is(errorCode(received(quota)), 'EDQUOT');
  const wrapped = received(fsError(quota, 'writing /x'));
  t.is(errorCode(wrapped.cause), 'EDQUOT');
  t.is(errorCode(received(Object.assign(new Error('x'), { code: 'ERR_OTHER' }))), undefined);
});
