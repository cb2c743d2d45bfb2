/**
 * What an image may say of itself: CVE-2021-41190 (documents that are both a manifest and an index), CVE-2024-9676,
 * CVE-2022-23648 and CVE-2026-47262 (files of the image read on the host: links, fifos, huge ones),
 * CVE-2026-53488 and CVE-2025-23266 (labels and environment that reach the host's programs).
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { layerhook, succeed } from '../../helpers/cli.js';
import { assertRefused, unpackHostile } from '../../helpers/hostile.js';
import { buildImage } from '../../helpers/image.js';
import { rootTest } from '../../helpers/root-test.js';
import type { RawEntry } from '../../helpers/tar.js';
import { tmpdir } from '../../helpers/tmp.js';

const passwd = 'victim:x:4242:4242::/home/victim:/bin/sh\n';

/** The user that config.json got, or the error. */
async function userOf(t: ExecutionContext, entries: () => RawEntry[], user: string) {
  const outcome = await unpackHostile(t, () => [[{ name: 'etc/', type: 'dir' }, ...entries()]], {
    config: { User: user },
  });
  if (outcome.status !== 0) return outcome.stderr;
  const spec = JSON.parse(readFileSync(join(outcome.arena.bundle, 'config.json'), 'utf8')) as {
    process: { user: { uid: number } };
  };
  return spec.process.user.uid;
}

rootTest('a manifest that says it is an index is refused', async (t) => {
  await assertRefused(t, 'IMAGE_INVALID', () => [[{ name: 'a' }]], {
    edit: {
      manifest: (manifest) => {
        manifest.mediaType = 'application/vnd.oci.image.index.v1+json';
      },
      index: (index) => {
        index.manifests.at(-1)!.mediaType = 'application/vnd.oci.image.manifest.v1+json';
      },
    },
  });
});

rootTest('a manifest that has an index inside as well is refused', async (t) => {
  const { status } = await unpackHostile(t, () => [[{ name: 'a' }]], {
    edit: {
      manifest: (manifest) => {
        delete manifest.mediaType;
        manifest.manifests = [];
      },
      index: (index) => {
        index.manifests.at(-1)!.mediaType = 'application/vnd.oci.image.manifest.v1+json';
      },
    },
  });
  t.not(status, 0);
});

rootTest('a user is looked up in the image', async (t) => {
  t.is(await userOf(t, () => [{ name: 'etc/passwd', content: passwd }], 'victim'), 4242);
});

for (const [what, entries] of Object.entries({
  'a link to a file of the host': (outside: string): RawEntry[] => [
    { name: 'etc/passwd', type: 'symlink', linkname: `${outside}/passwd` },
  ],
  'a link by .. to a file of the host': (outside: string): RawEntry[] => [
    { name: 'etc/passwd', type: 'symlink', linkname: `${'../'.repeat(12)}${outside}/passwd` },
  ],
  'a directory': (): RawEntry[] => [{ name: 'etc/passwd', type: 'dir' }],
  'a fifo without a writer': (): RawEntry[] => [{ name: 'etc/passwd', type: 'fifo' }],
  'a device that never ends': (): RawEntry[] => [
    { name: 'etc/passwd', type: 'char', devMajor: 1, devMinor: 5 },
  ],
  'a loop of links': (): RawEntry[] => [{ name: 'etc/passwd', type: 'symlink', linkname: 'passwd' }],
  'a huge file': (): RawEntry[] => [{ name: 'etc/passwd', content: Buffer.alloc(40_000_000, passwd) }],
  'a file without that user': (): RawEntry[] => [
    { name: 'etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n' },
  ],
})) {
  rootTest(`a user is not looked up in /etc/passwd that is ${what}`, async (t) => {
    const place = tmpdir(t);
    writeFileSync(join(place, 'passwd'), passwd);
    const answer = await userOf(t, () => entries(place), 'victim');
    t.is(typeof answer, 'string', `uid ${answer}`);
  });
}

rootTest('labels, annotations and environment of an image reach no hook and choose none', async (t) => {
  const dir = tmpdir(t);
  const hook = join(dir, 'hook');
  writeFileSync(hook, `#!/bin/sh\n/usr/bin/env > '${dir}/env'\npwd > '${dir}/cwd'\nexit 77\n`);
  chmodSync(hook, 0o755);
  writeFileSync(join(dir, 'evil'), `#!/bin/sh\n/usr/bin/touch '${dir}/pwned'\n`);
  chmodSync(join(dir, 'evil'), 0o755);
  const toml = join(dir, 'hooks.toml');
  writeFileSync(toml, `[[hook]]\npoint = "unpack.ociv1.layer.try-skip"\nexec = ["${hook}"]\n`);
  chmodSync(toml, 0o644);
  const said = { layerhook: `${dir}/evil`, 'layerhook.hook': `${dir}/evil`, LAYERHOOK_HOOKS: `${dir}/evil` };
  const image = buildImage(t, [[{ name: 'a' }]], {
    config: {
      Env: [
        `LD_PRELOAD=${dir}/evil.so`,
        `LAYERHOOK_HOOKS=${dir}/evil`,
        `PATH=${dir}`,
        'NODE_OPTIONS=--import=x',
        'SECRET=1',
      ],
      Labels: said,
      Entrypoint: [`${dir}/evil`],
    },
    edit: {
      manifest: (manifest) => {
        manifest.annotations = said;
      },
    },
  });
  const args = ['--hooks', toml, 'unpack', '--image', image.reference, join(dir, 'bundle')];
  await succeed(t, layerhook(args, { env: { CALLERS_SECRET: 'x' } }));
  const env = readFileSync(join(dir, 'env'), 'utf8');
  t.notRegex(env, /LD_PRELOAD|NODE_OPTIONS|SECRET|evil/);
  t.regex(env, /^PATH=/m);
  t.is(readFileSync(join(dir, 'cwd'), 'utf8'), '/\n');
  t.throws(() => readFileSync(join(dir, 'pwned')), { code: 'ENOENT' });
});
