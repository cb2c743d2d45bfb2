import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import test from 'ava';
import { fsError, LayerhookError, reasonOf } from '../../src/errors/index.js';
import { fromText } from '../../src/system/bytes.js';
import { isErrno, SystemError } from '../../src/system/errno.js';

const missing = 'no such file or directory (ENOENT)';

test('a reason has the words of the system, its call and its path, and not the form of node', async (t) => {
  const read = t.throws(() => readFileSync('/nonexistent/a'));
  t.is(reasonOf(read), `open '/nonexistent/a': ${missing}`);
  t.is(reasonOf(t.throws(() => readdirSync('/nonexistent'))), `scandir '/nonexistent': ${missing}`);
  t.is(reasonOf(spawnSync('/nonexistent/x').error), `spawnSync /nonexistent/x: ${missing}`);
  t.is(
    reasonOf(new SystemError('EACCES', 'openat', fromText('/a'))),
    'openat /a: permission denied (EACCES)',
  );
  const refused = await new Promise((resolve) => connect('/nonexistent/socket').once('error', resolve));
  t.is(reasonOf(refused), `connect /nonexistent/socket: ${missing}`);
});

test('a code that node has no name for gets its name and words', (t) => {
  const unnamed = (errno: number) => {
    const code = `Unknown system error ${errno}`;
    return Object.assign(new Error(`${code}: ${code}, open '/a'`), { code, errno, syscall: 'open' });
  };
  t.like(fsError(unnamed(-122), 'cannot write /a'), { code: 'NO_SPACE' });
  t.like(fsError(unnamed(-117), 'cannot read /a'), {
    message: 'cannot read /a: structure needs cleaning (EUCLEAN)',
    hint: 'the disk or its file system is failing; see the kernel log',
  });
  t.is(reasonOf(unnamed(-116)), "open '/a': stale file handle (ESTALE)");
  t.true(isErrno(unnamed(-122), 'EDQUOT'));
  // of a write
  const written = (errno: number) =>
    Object.assign(new Error('UNKNOWN: unknown error, write'), { code: 'UNKNOWN', errno, syscall: 'write' });
  t.like(fsError(written(-122), 'cannot write /a'), { code: 'NO_SPACE' });
  t.is(reasonOf(written(-116)), 'write: stale file handle (ESTALE)');
});

test('the reason of any other error is its message', (t) => {
  t.is(reasonOf(new Error('out of order')), 'out of order');
  t.is(reasonOf(new LayerhookError('LAYOUT_NOT_FOUND', { path: '/l' })), 'no OCI image layout at /l');
  t.is(reasonOf('text'), 'text');
});

test('fsError: a missing file, a full disk and other failures have their own codes', (t) => {
  const failed = (code: string) => fsError(Object.assign(new Error('x'), { code }), 'cannot read /a');
  t.like(failed('ENOENT'), { code: 'FILE_NOT_FOUND', message: `cannot read /a: ${missing}`, exitStatus: 3 });
  t.like(failed('EDQUOT'), { code: 'NO_SPACE', exitStatus: 8 });
  t.like(failed('EIO'), { code: 'SYSTEM', message: 'cannot read /a: i/o error (EIO)', exitStatus: 11 });
});
