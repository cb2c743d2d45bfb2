import { join } from 'node:path';
import test from 'ava';
import { Database } from '../../../src/store/metadata/database.js';
import { rowKey } from '../../../src/store/metadata/keys.js';
import { RowCache } from '../../../src/store/metadata/row-cache.js';
import type { Writer } from '../../../src/store/metadata/transaction.js';
import { tmpdir } from '../../helpers/tmp.js';

const key = rowKey('content', '1');

/** A view that counts what is read of it. */
function counting(rows: Map<string, unknown>) {
  const read: string[] = [];
  const writer: Writer = {
    get: (of) => {
      read.push(of);
      return rows.get(of);
    },
    range: () => [],
    put: (of, value) => void rows.set(of, value),
    delete: (of) => void rows.delete(of),
  };
  return { writer, read };
}

test('rows are read once while transactions follow each other, and again when others have written', (t) => {
  const { writer, read } = counting(new Map([[key, 'a']]));
  const cache = new RowCache();
  const view = cache.viewOf(writer);
  const get = () => view.get(key);
  const put = () => view.put(rowKey('sequence'), 1);
  t.is(cache.during(5, get), 'a');
  // nothing was changed: the number is given again
  t.is(cache.during(5, get), 'a');
  cache.during(5, put);
  t.is(cache.during(6, get), 'a');
  t.is(read.length, 1);
  t.is(cache.during(7, get), 'a');
  t.is(read.length, 2);
});

test('rows that a transaction wrote are not cached, also after a rollback', (t) => {
  const { writer, read } = counting(new Map([[key, 'a']]));
  const cache = new RowCache();
  const view = cache.viewOf(writer);
  cache.during(1, () => view.get(key));
  cache.during(1, () => view.put(key, 'b'));
  t.is(
    cache.during(2, () => view.get(key)),
    'b',
  );
  const undone = () =>
    cache.during(2, () => {
      view.put(key, 'c');
      view.get(key);
      throw new Error('undone');
    });
  t.throws(undone, { message: 'undone' });
  writer.put(key, 'b');
  t.is(
    cache.during(2, () => view.get(key)),
    'b',
  );
  cache.during(2, () => view.delete(key));
  t.is(
    cache.during(3, () => view.get(key)),
    undefined,
  );
  t.is(read.length, 5);
});

test('databases of one process and of others see what each writes', (t) => {
  const path = join(tmpdir(t), 'store.mdb');
  const [one, two] = [new Database(path), new Database(path)];
  t.teardown(() => {
    one.close();
    two.close();
  });
  for (let at = 0; at < 20; at++) {
    const [writer, reader] = at % 3 === 0 ? [one, two] : [two, one];
    writer.write((to) => to.put(key, { at }));
    t.deepEqual(
      reader.write((from) => from.get(key)),
      { at },
    );
    t.deepEqual(
      writer.write((from) => from.get(key)),
      { at },
    );
    const undone = () =>
      reader.write((to) => {
        to.put(key, { at: -1 });
        throw to.get(key);
      });
    t.throws(undone, { any: true });
    t.deepEqual(
      reader.write((from) => from.get(key)),
      { at },
    );
  }
});
