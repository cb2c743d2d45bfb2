import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { chainIDs } from '../../src/image/chain.js';
import { privateDir, script, write } from '../config/helpers.js';
import { mainFile } from '../helpers/cli.js';
import { buildImage } from '../helpers/image.js';
import { rootTest } from '../helpers/root-test.js';
import { runFile } from './run.js';

const hooks = (...args: string[]) => runFile(mainFile, ['hooks', ...args]);

/** A hooks.toml with a program at a point, which keeps its context in the file `seen`. */
function setup(t: ExecutionContext<unknown>, point: string, output: string, more = '') {
  const dir = privateDir(t);
  const seen = join(dir, 'seen');
  const program = script(dir, 'program', `cat > ${seen}\n${output}`);
  const file = write(dir, 'hooks.toml', `[[hook]]\npoint = "${point}"\nexec = ["${program}"]\n${more}`);
  const image = buildImage(t, [[{ name: 'a', content: 'a' }], [{ name: 'b', content: 'b' }]]);
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = hooks('run', '--hooks', file, ...args);
    return { status, stderr, json: stdout === '' ? undefined : JSON.parse(stdout) };
  };
  return { dir, program, image, run, context: () => JSON.parse(readFileSync(seen, 'utf8')) };
}

test('hooks list shows the hooks of each point, in order', (t) => {
  const dir = privateDir(t);
  const program = script(dir, 'program', '');
  const text = `[[hook]]\npoint = "repack.ociv1.layer.delta-list"\nexec = ["${program}"]\non-failure = "mtree"\n`;
  const file = write(dir, 'hooks.toml', text);
  const { status, stdout } = hooks('list', '--hooks', file);
  t.is(status, 0);
  const lines = stdout.split('\n');
  t.is(lines[0], file);
  const at = lines.findIndex((line) => line.startsWith('repack.ociv1.layer.delta-list '));
  t.regex(lines[at] as string, /first {2}hooks\.toml:1 exec .*program \(on-failure: mtree\)$/);
  t.regex(lines[at + 1] as string, /^ +driver copy$/);
  const json = JSON.parse(hooks('list', '--json', '--hooks', file).stdout);
  t.like(json, { file, driver: 'copy' });
  t.is(json.points.length, 13);
  t.is(json.points[5].handlers[1].owner, 'driver copy');
});

test('hooks list and hooks check close the driver', (t) => {
  const dir = privateDir(t);
  const driver = (name: string) =>
    write(
      dir,
      `${name}.mjs`,
      `import { writeFileSync } from 'node:fs';
const close = async () => writeFileSync(${JSON.stringify(join(dir, `closed-${name}`))}, '');
export default () => ({ name: '${name}', hooks: {}, close });\n`,
    );
  const { status, stderr } = hooks('list', '--driver', driver('listed'));
  t.is(status, 0, stderr);
  t.true(existsSync(join(dir, 'closed-listed')));
  const file = write(dir, 'hooks.toml', `[driver]\nname = "${driver('checked')}"\n`);
  t.is(hooks('check', file).status, 0);
  t.true(existsSync(join(dir, 'closed-checked')));
});

test('hooks run gives a hook the real context of a layer, with a rootfs that goes away again', (t) => {
  const point = 'unpack.ociv1.layer.try-skip';
  const { program, image, run, context } = setup(t, point, `echo '{"skip": true}'`);
  const { status, json, stderr } = run('--image', image.reference, '--layer', '1', point);
  t.is(stderr, '');
  t.is(status, 0);
  t.deepEqual(json, { point, handled: true, by: `hooks.toml:1 exec ${program}`, result: { skip: true } });
  const chain = chainIDs(image.config.rootfs.diff_ids);
  t.like(context(), {
    index: 1,
    chainID: chain[1],
    chainIDs: chain,
    descriptor: image.manifest.layers[1],
    blob: image.blob(image.manifest.layers[1]?.digest as string),
    manifest: image.manifest,
  });
  t.false(existsSync(context().rootfs));
});

test('hooks run: a chain, a declined point, and a failure', (t) => {
  const point = 'unpack.ociv1.bundle.config';
  const { image, run, context } = setup(t, point, `echo '{"ociVersion": "9"}'`);
  t.deepEqual(run('--image', image.reference, point).json, { point, result: { ociVersion: '9' } });
  t.is(context().spec.root.path, 'rootfs');
  const other = run('--image', image.reference, 'unpack.ociv1.layer.try-skip');
  t.deepEqual(other.json, { point: 'unpack.ociv1.layer.try-skip', handled: false });
  const failing = setup(t, point, 'echo sick >&2; exit 9');
  const { status, stderr } = failing.run('--image', failing.image.reference, point);
  t.is(status, 7);
  t.regex(stderr, /failed at unpack\.ociv1\.bundle\.config: exit status 9: sick/);
});

test('hooks run: a delta of a bundle, with names that are not UTF-8', (t) => {
  const point = 'repack.ociv1.layer.delta-list';
  const { dir, image, run, context } = setup(t, point, `printf 'a\\0gone\\377\\0'`);
  const bundle = join(dir, 'bundle');
  mkdirSync(join(bundle, 'rootfs/a'), { recursive: true });
  const { manifests } = JSON.parse(readFileSync(join(image.layout, 'index.json'), 'utf8'));
  const meta = { umoci_version: '2', from_descriptor_path: { descriptor_walk: manifests }, map_options: {} };
  write(bundle, 'umoci.json', JSON.stringify(meta));
  const { json, stderr } = run('--bundle', bundle, '--image', image.reference, point);
  t.is(stderr, '');
  t.like(json, { handled: true });
  t.deepEqual(json.result, [
    { path: 'a', kind: 'modify' },
    { pathBase64: Buffer.from('gone\xff', 'latin1').toString('base64'), kind: 'delete' },
  ]);
  t.like(context(), { bundle, rootfs: join(bundle, 'rootfs'), mtree: null, maskPaths: [] });
});

test('hooks run: --context supplies fields, and missing fields are named', (t) => {
  const point = 'runtime.ociv1.container.poststop-archive';
  const { dir, run, context } = setup(t, point, `echo '{"archived": "/a"}'`);
  t.regex(run(point).stderr, /needs state, name, key, mountPoint, upperdir, .*, replace in --context/);
  const fields = {
    ...{ state: { id: 'x' }, name: 'a', key: 'k', mountPoint: '/m', upperdir: '/u', lowerdirs: ['/l'] },
    ...{ overlay: 'trusted', destination: '/d', method: 'tar', whiteout: 'oci', owner: '' },
    ...{ containerPaths: ['/v'], identity: '', replace: false },
  };
  const file = write(dir, 'context.json', JSON.stringify(fields));
  t.like(run('--context', file, point).json, { handled: true, result: { archived: '/a' } });
  t.deepEqual(context(), { point, ...fields });
  const strange = write(dir, 'strange.json', JSON.stringify({ ...fields, colour: 'red' }));
  t.regex(run('--context', strange, point).stderr, /unknown in the context of .*: colour/);
});

test('hooks run: a layer that containerd would want', (t) => {
  const point = 'snapshot.ociv1.layer.try-skip';
  const { image, run, context } = setup(t, point, `echo '{"skip": true}'`);
  t.like(run('--image', image.reference, '--layer', '1', point).json, {
    handled: true,
    result: { skip: true },
  });
  const chain = chainIDs(image.config.rootfs.diff_ids);
  t.like(context(), {
    chainID: chain[1],
    diffID: image.config.rootfs.diff_ids[1],
    lowerChainIDs: [chain[0]],
    labels: { 'containerd.io/snapshot.ref': chain[1] },
  });
  t.false(existsSync(context().target));
  t.regex(run('--image', image.reference, '--layer', '2', point).stderr, /the image has 2 layers/);
  t.regex(run(point).stderr, /needs chainID, .* in --context/);
});

test('hooks run names a missing or wrong argument', (t) => {
  const { image, run } = setup(t, 'bundle.ociv1.remove', '');
  t.regex(run('bundle.ociv1.remove').stderr, /needs --bundle/);
  t.regex(run('unpack.ociv1.bundle.assemble').stderr, /needs --image/);
  t.regex(
    run('try-skip').stderr,
    /unknown lifecycle point try-skip \(did you mean unpack\.ociv1\.layer\.try-skip or snapshot\.ociv1\.layer\.try-skip\?\)/,
  );
  const layer = run('--image', image.reference, '--layer', '2', 'unpack.ociv1.layer.try-skip');
  t.regex(layer.stderr, /the image has 2 layers/);
});

for (const [point, name] of [
  ['unpack.ociv1.layer.post-extract', 'writeMtree'],
  ['repack.ociv1.layer.refresh-bundle', 'unpackLayer'],
] as const) {
  rootTest(`hooks run: at ${point} a program is called, and a module has a working ${name}`, (t) => {
    const { dir, image, run, context } = setup(t, point, '');
    const bundle = join(dir, 'bundle');
    const { status } = runFile(mainFile, ['unpack', '--image', image.reference, bundle]);
    t.is(status, 0);
    const args = ['--bundle', bundle, '--image', image.reference, point];
    const byProgram = run(...args);
    t.is(byProgram.status, 0, byProgram.stderr);
    t.like(context(), { point, bundle, rootfs: join(bundle, 'rootfs') });

    const calls = {
      writeMtree: `JSON.stringify(await context.writeMtree(${JSON.stringify(join(dir, 'result'))}))`,
      unpackLayer: 'JSON.stringify((await context.unpackLayer()) ?? null)',
    };
    const text = `import { writeFileSync } from 'node:fs';
      export default { '${point}': async (context) => writeFileSync(${JSON.stringify(join(dir, 'returned'))}, ${calls[name]}),
        'unpack.ociv1.layer.try-skip': ({ index }) => { writeFileSync(${JSON.stringify(join(dir, 'skip'))}, String(index)); return { skip: false }; } };`;
    write(dir, 'module.mjs', text);
    const file = write(dir, 'module.toml', '[[hook]]\nmodule = "./module.mjs"\n');
    const byModule = hooks('run', '--hooks', file, ...args);
    t.is(byModule.status, 0, byModule.stderr);
    const returned = JSON.parse(readFileSync(join(dir, 'returned'), 'utf8'));
    if (name === 'writeMtree') {
      t.true(returned.inodes >= 3 && returned.size > 0, JSON.stringify(returned));
      t.regex(readFileSync(join(dir, 'result'), 'utf8'), /sha256digest/);
    } else
      t.is(readFileSync(join(dir, 'skip'), 'utf8'), '1', 'the highest layer passes the points of unpack');
  });
}

rootTest('hooks run removes its rootfs, and nothing that a hook has mounted there', (t) => {
  const point = 'unpack.ociv1.bundle.assemble';
  const { dir, image, run, context } = setup(t, point, '');
  mkdirSync(join(dir, 'kept/below'), { recursive: true });
  const mount = `rootfs=$(sed 's/.*"rootfs":"\\([^"]*\\)".*/\\1/' ${join(dir, 'seen')})\nmount --bind ${dir}/kept "$rootfs"`;
  script(dir, 'program', `cat > ${join(dir, 'seen')}\n${mount}`);
  t.teardown(() => {
    const { rootfs, bundle } = context();
    spawnSync('umount', [rootfs]);
    rmSync(bundle, { recursive: true });
  });
  const { status, stderr } = run('--image', image.reference, point);
  t.not(status, 0);
  t.regex(stderr, /layerhook-run-.*resource busy/);
  t.true(existsSync(join(dir, 'kept/below')));
});
