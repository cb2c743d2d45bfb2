/** A containerd that extracts a layer through a snapshotter, in one process: `node commit.js STORE [list]`. */
import { join } from 'node:path';
import { connectSnapshotter, serveSnapshotter } from '../../src/store.js';
import { extract, list } from './extract.js';
import { endClearly } from './process.js';

const [store, task] = process.argv.slice(2) as [string, string?];

try {
  await serve();
} catch (error) {
  endClearly(error);
}

async function serve(): Promise<void> {
  const address = join(store, '../socket');
  const served = await serveSnapshotter({ root: store, address });
  const client = connectSnapshotter(address);
  try {
    if (task === 'list') console.log(JSON.stringify(await list(client)));
    else await extract(client);
  } finally {
    await client.close();
    await served.close();
  }
}
