// The conformance suite for NAME. Run it as root: node --test
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { driverSuite } from 'layerhook/testing';

// a directory on the filesystem that the driver is for
const home = mkdtempSync(join(tmpdir(), 'NAME-'));
after(() => rmSync(home, { recursive: true }));

const harness = {
  hooksFile: fileURLToPath(new URL('hooks.toml', import.meta.url)),
  store: join(home, 'store'),
  scratch: () => mkdtempSync(join(home, 'case-')),
};
for (const { name, run } of driverSuite) test(name, () => run(harness));
