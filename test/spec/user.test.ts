import test from 'ava';
import { LayerhookError } from '../../src/errors/index.js';
import { resolveUser } from '../../src/spec/user.js';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a comment:x:77:77::/:',
  '  spaced:x:40:41::/home/spaced:/bin/sh',
  'web:x:33:34:,,,:/var/www:/bin/false',
  'web:x:99:99::/second:',
  '1234:x:55:56::/numeric-name:',
  'short:x:60',
  'bad:x:six:7::/:',
  'minus:x:-1:7::/:',
  'huge:x:4294967295:7::/:',
  'wraps:x:4294967296:4294967296::/:',
  'lone:x:70:71::/:',
  'big:x:3000000000:4294967294::/big:',
  '',
].join('\n');
const group =
  'root:x:0:\n#no:x:5:web\nstaff:x:50:spaced,web\nwww:x:34:web\nodd:x:oops:lone\nlarge:x:4294967294:big\n777:x:78:\n';

const resolved: [string, string][] = [
  ['', '0:0 [] /root'],
  ['root', '0:0 [] /root'],
  ['web', '33:34 [50,34] /var/www'],
  ['33', '33:34 [50,34] /var/www'],
  ['web:staff', '33:50 [] /var/www'],
  ['web:12', '33:12 [] /var/www'],
  [':staff', '0:50 [] /root'],
  ['spaced', '40:41 [50] /home/spaced'],
  ['1000', '1000:0 [] '],
  ['1000:1001', '1000:1001 [] '],
  ['1000:www', '1000:34 [] '],
  ['1234', '1234:0 [] '],
  ['web:777', '33:777 [] /var/www'],
  ['2147483647', '2147483647:0 [] '],
  ['big', '3000000000:4294967294 [4294967294] /big'],
  ['3000000000', '3000000000:4294967294 [4294967294] /big'],
  ['web:large', '33:4294967294 [] /var/www'],
  ['web:4294967294', '33:4294967294 [] /var/www'],
];
for (const [spec, expected] of resolved) {
  test(`user ${JSON.stringify(spec)} is ${expected}`, (t) => {
    const { uid, gid, additionalGids, home } = resolveUser(spec, passwd, group);
    t.is(`${uid}:${gid} ${JSON.stringify(additionalGids)} ${home}`, expected);
  });
}

test('without passwd and group, numbers will do', (t) => {
  t.like(resolveUser('', undefined, undefined), { uid: 0, gid: 0, home: '' });
  t.like(resolveUser('5:6', undefined, undefined), { uid: 5, gid: 6, home: '' });
});

for (const spec of [
  'nobody',
  'web:nogroup',
  'bad',
  'minus',
  'huge',
  'wraps',
  'short',
  'lone',
  'web:odd',
  '-1',
  '4294967295',
  '4294967296',
  '2147483648',
  '99999999999999999999',
  '5:4294967296',
]) {
  test(`user ${spec} is refused, never taken for root`, (t) => {
    const error = t.throws(() => resolveUser(spec, passwd, group), { instanceOf: LayerhookError });
    t.is(error?.code, 'IMAGE_INVALID');
    t.true(error?.message.includes(JSON.stringify(spec)), error?.message);
  });
}
