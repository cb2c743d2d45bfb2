import test from 'ava';
import {
  compactJson,
  encodeJson,
  JsonLimitError,
  JsonNumber,
  parseJson,
} from '../../src/text/json-lossless.js';
import fc from '../helpers/properties.js';

const rewrite = (text: string) => encodeJson(parseJson(Buffer.from(text))).toString();

test('numbers keep every digit, strings that look like them stay strings', (t) => {
  const text =
    '{"big":9007199254740993,"float":1.0,"minus":-0,"huge":1e400,"list":[12345678901234567890],"text":"1.0 \\"1.0\\"","plain":42}\n';
  t.is(rewrite(text), text);
  t.true((parseJson(Buffer.from(text)) as { big: unknown }).big instanceof JsonNumber);
});

test('is written as Go writes it: compact, HTML escaped, with a newline', (t) => {
  t.is(
    rewrite('{ "b" : "<a> & \\u2028", "a" : [ 1 , true , null ] }'),
    '{"b":"\\u003ca\\u003e \\u0026 \\u2028","a":[1,true,null]}\n',
  );
});

test('keys like __proto__ are data', (t) => {
  const text = '{"__proto__":{"x":1},"constructor":2}\n';
  t.is(rewrite(text), text);
});

test('malformed UTF-8 becomes U+FFFD', (t) => {
  t.deepEqual(parseJson(Buffer.from([0x22, 0xff, 0x22])), '\ufffd');
});

test('malformed and too deeply nested JSON is refused', (t) => {
  for (const text of ['', '{', '{} {}', '01', "{'a':1}", '\ufeff{}']) {
    t.throws(() => parseJson(Buffer.from(text)), { instanceOf: SyntaxError }, JSON.stringify(text));
  }
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  t.throws(() => parseJson(Buffer.from(deep)), { instanceOf: JsonLimitError, message: /nesting/ });
});

test('any JSON value survives', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.deepEqual(JSON.parse(rewrite(JSON.stringify(value))), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('values are counted before the document is parsed', (t) => {
  for (const [text, values] of [
    ['[1,2,[3]]', 5],
    ['{"a":{},"b":[]}', 5],
    ['"[[,,"', 1],
    [String.raw`"\"[,\\"`, 1],
    ['-1.0e5', 1],
  ] as const) {
    const bytes = Buffer.from(text);
    t.deepEqual(parseJson(bytes, values), parseJson(bytes), text);
    if (values > 1) t.throws(() => parseJson(bytes, values - 1), { instanceOf: JsonLimitError }, text);
  }
});

test('a compact document is the same document, with strings of any length', (t) => {
  const long = JSON.stringify({ text: 'a\n'.repeat(3_000_000), ' x ': [1, ' \\" '] }, null, 2);
  t.is(compactJson(Buffer.from(long)), JSON.stringify(JSON.parse(long)));
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('', '\t', 3), (value, indent) => {
      const plain = encodeJson(value).toString().trimEnd();
      t.is(compactJson(Buffer.from(JSON.stringify(value, null, indent))), plain);
    }),
  );
});
