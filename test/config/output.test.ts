import test from 'ava';
import { parseDelta } from '../../src/config/output.js';

const parse = (text: string) => parseDelta(Buffer.from(text, 'latin1'));

test('one path per line, bytes unchanged', (t) => {
  t.deepEqual(parse('etc/hosts\n\n b c \nh\u00c3\u00b6me\n\u00ff\nlast'), [
    { path: 'etc/hosts' },
    { path: ' b c ' },
    { path: 'h\u00c3\u00b6me' },
    { path: '\u00ff' },
    { path: 'last' },
  ]);
  t.deepEqual(parse(''), []);
});

test('NUL-separated, with newlines in names; the last NUL may be missing', (t) => {
  t.deepEqual(parse('a\nb\0{x\0\0\u00ff'), [{ path: 'a\nb' }, { path: '{x' }, { path: '\u00ff' }]);
  t.throws(() => parse('a\0b\0\n'), { message: /newline follows the last NUL/ });
});

test('NDJSON: text, bytes, newlines, kinds', (t) => {
  const text =
    ' {"path":"a\\nb","kind":"add"}\n\n{"path":"h\u00c3\u00b6me"}\r\n{"pathBase64":"/wA=","kind":"delete","inode":"7"}';
  t.deepEqual(parse(text), [
    { path: 'a\nb', kind: 'add' },
    { path: 'h\u00c3\u00b6me' },
    { path: '\u00ff\0', kind: 'delete', inode: '7' },
  ]);
});

test('NDJSON that is wrong names the line', (t) => {
  const bad = (line: string, message: RegExp) =>
    t.throws(() => parse(`{"path":"a"}\n${line}\n`), { message });
  bad('{"path":', /^line 2 is no JSON/);
  bad('plain', /^line 2 is no JSON: "plain"/);
  bad('{"path":"\u00ff"}', /^line 2 is no UTF-8/);
  bad('[]', /^line 2: expected one of path and pathBase64/);
  bad('null', /^line 2: expected \{path, kind\?, inode\?\}, got null/);
  bad('{"path":"a","mode":1}', /^line 2: unknown key mode/);
  bad('{"path":"a","pathBase64":"YQ=="}', /^line 2: expected one of/);
  bad('{"path":7}', /^line 2: 7 is not text/);
  bad('{"path":"\\ud800"}', /is not text/);
  bad('{"pathBase64":"*"}', /is not base64/);
});
