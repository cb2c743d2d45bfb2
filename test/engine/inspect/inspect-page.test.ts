import test from 'ava';
import { requireFew } from '../../../src/engine/inspect/inspect-page.js';

test('a page with too many changes is refused, and the message names the way without this limit', (t) => {
  t.notThrows(() => requireFew(1_000_000));
  t.throws(() => requireFew(1_000_001), {
    code: 'LIMIT_EXCEEDED',
    message:
      'number of changed paths of a page (1000001) is over the limit of 1000000, which inspect without --html lacks',
  });
});
