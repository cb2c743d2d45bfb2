import test from 'ava';
import { piecesOf, plainName } from '../../../src/cli/page/names.js';
import { fromText } from '../../../src/system/bytes.js';
import { toSurrogateText } from '../../../src/text/surrogates.js';
import fc from '../../helpers/properties.js';

const rows: [name: string, shown: string][] = [
  ['plain-name_1.txt', 'plain-name_1.txt'],
  ['with space', 'with space'],
  [' edge ', '\\x20edge\\x20'],
  ['<b>&amp;', '<b>&amp;'],
  ['line\nbreak\x1b[2J', 'line\\x0abreak\\x1b[2J'],
  [fromText('gpj.\u202eexe'), 'gpj.\\u202eexe'],
  [fromText('\u2066a\u2069\u200b\ufeff'), '\\u2066a\\u2069\\u200b\\ufeff'],
  [fromText('a\u00a0b\u3000c'), 'a\\u00a0b\\u3000c'],
  [fromText('\u{e0041}'), '\\u{e0041}'],
  ['a\xff\xfeb', 'a\\xff\\xfeb'],
  // an overlong slash, a surrogate in UTF-8, and a cut character
  ['\xc0\xaf \xed\xa0\x80 \xe2\x82', '\\xc0\\xaf \\xed\\xa0\\x80 \\xe2\\x82'],
  [fromText('größe 日本 🙂'), 'größe 日本 🙂'],
];

for (const [name, shown] of rows) {
  test(`${JSON.stringify(name)} is shown as ${shown}`, (t) => {
    t.is(plainName(toSurrogateText(name)), shown);
  });
}

test('an escape sequence is a piece of its own, so it differs from the same text in a name', (t) => {
  t.deepEqual(piecesOf('a\x1b\\x1b'), [
    { text: 'a', isEscape: false },
    { text: '\\x1b', isEscape: true },
    { text: '\\x1b', isEscape: false },
  ]);
});

test('different bytes give different texts, and JSON keeps them', (t) => {
  const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array).toString('latin1'));
  fc.assert(
    fc.property(bytes, (name) => {
      const text = JSON.parse(JSON.stringify(toSurrogateText(name)));
      const back = text.replace(/[\s\S]/gu, (character: string) => {
        const code = character.codePointAt(0)!;
        return code >= 0xdc80 && code <= 0xdcff ? String.fromCharCode(code - 0xdc00) : fromText(character);
      });
      if (back !== name) throw new Error(`${JSON.stringify(name)} became ${JSON.stringify(back)}`);
    }),
  );
  t.pass();
});
