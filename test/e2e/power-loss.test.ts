/** The snapshotter after a machine went down before its store was written to disk. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { currentHeader } from 'mtree-ts';
import { writeMtree } from '../../src/engine/bundle/write-mtree.js';
import { connectSnapshotter } from '../../src/snapshotter/index.js';
import { openStoreAt } from '../../src/store/open.js';
import type { LayerIdentity } from '../../src/store/types.js';
import { layerhook, succeed } from '../helpers/cli.js';
import { rootTest } from '../helpers/root-test.js';
import { layer, signal } from '../store/helpers.js';
import { startDaemon } from './snapshotter.js';

test.serial(
  'a layer of layerhook is verified at its first use; a lost or unverifiable one is refused',
  async (t) => {
    const daemon = await startDaemon(t);
    t.is(await daemon.end('SIGKILL'), 'SIGKILL');
    const before = await openStoreAt({ root: daemon.store, client: 'containerd' }, 'the boot before');
    const extract = async (wanted: LayerIdentity, parent: string) => {
      const extraction = (await before.extract(wanted, parent, { signal }))!;
      writeFileSync(join(extraction.target, 'file'), wanted.diffID);
      await writeMtree(extraction.target, extraction.mtree, currentHeader(extraction.target));
      await extraction.commit({ parent, dependencies: [] });
    };
    const [whole, lost] = [layer('whole'), layer('lost')];
    await extract(whole, '');
    await extract(lost, whole.chainID);
    truncateSync(join(await before.directory(lost.chainID), 'file'));
    await before.prepare('unreadable', '');
    await before.commit('by containerd', 'unreadable');
    await before.close();

    await daemon.start();
    const warned = daemon.log().match(/untrusted snapshot .*/g)!;
    t.is(warned.length, 3);
    t.regex(warned[0]!, /name=by containerd why=it was not yet flushed to disk when the machine stopped/);
    const containerd = connectSnapshotter(daemon.address);
    t.teardown(() => containerd.close());
    await containerd.prepare('container', whole.chainID);
    const refused = (why: RegExp) => ({ code: 'SNAPSHOT_PRECONDITION', message: why });
    await t.throwsAsync(containerd.prepare('1', lost.chainID), refused(/damaged: 1 file differs; .*pull it/));
    await t.throwsAsync(
      containerd.prepare('2', 'by containerd'),
      refused(/not yet flushed to disk.*; .*pull it/),
    );
    const listed = await succeed(t, layerhook(['store', 'ls', '--store', daemon.store]));
    const states = listed.match(/ (on disk|unproven|damaged) /g)!.map((state) => state.trim());
    t.deepEqual(states.sort(), ['damaged', 'on disk', 'unproven']);
    await containerd.remove(lost.chainID);
    await containerd.remove('by containerd');
  },
);

rootTest.serial(
  'images are read when they are wanted, also those of layers that containerd extracted',
  async (t) => {
    const daemon = await startDaemon(t);
    t.is(await daemon.end('SIGKILL'), 'SIGKILL');
    const before = await openStoreAt({ root: daemon.store, client: 'containerd' }, 'the boot before');
    const image = { image: { verity: false } };
    for (const name of ['whole', 'lost']) {
      await before.prepare(`filling ${name}`, '');
      writeFileSync(join(await before.directory(`filling ${name}`), 'file'), name);
      await before.commit(name, `filling ${name}`, image);
    }
    const images = (await before.list()).map(({ erofs }) => erofs!.image);
    await before.close();
    // the size arrived on the disk, the last blocks did not
    const { size } = statSync(images[1]!);
    truncateSync(images[1]!, size - 512);
    truncateSync(images[1]!, size);

    await daemon.start();
    const containerd = connectSnapshotter(daemon.address);
    t.teardown(() => containerd.close());
    const [mount] = await containerd.view('view', 'whole');
    t.is(readFileSync(join(mount!.source, 'file'), 'utf8'), 'whole');
    const refused = { code: 'SNAPSHOT_PRECONDITION', message: /damaged: 1 file differs; .*pull it/ };
    await t.throwsAsync(containerd.prepare('container', 'lost'), refused);
    for (const name of ['view', 'whole', 'lost']) await containerd.remove(name);
  },
);
