import { algorithmOf } from '../../layer/compression/index.js';
import { loadIsal, nodeZlib } from '../../system/isal.js';
import { findProgram } from '../../system/programs.js';
import { type DoctorFinding, fine, lacking } from './finding.js';

/** Programs that others need beside layerhook: what lacks without them, and the Debian package. */
const programs: readonly [names: string[], cost: string, remedy: string][] = [
  [['runc', 'crun'], 'bundles cannot be run', 'apt install runc'],
  [['skopeo'], 'unpack --pull cannot copy images from registries and engines', 'apt install skopeo'],
  [
    ['containerd', 'dockerd', 'podman', 'crio'],
    'neither the snapshotter nor layerhook-runtime has an engine to serve',
    'apt install containerd, docker.io or podman',
  ],
  [['newuidmap'], 'users cannot use ranges of subordinate IDs', 'apt install uidmap'],
];

/** Looks at the libraries and programs that layerhook uses if they are there. */
export async function checkPrograms(): Promise<DoctorFinding[]> {
  return [await isal(), await zstd(), ...programs.map(program)];
}

async function isal(): Promise<DoctorFinding> {
  if (await loadIsal()) return fine('libisal2', 'libisal.so.2');
  const price = 'gzip layers take twice the CPU time to inflate';
  return process.env.LAYERHOOK_INFLATE === nodeZlib
    ? lacking('slow', 'libisal2', 'LAYERHOOK_INFLATE=zlib is set', [price, 'unset LAYERHOOK_INFLATE'])
    : lacking('slow', 'libisal2', 'libisal.so.2 is not installed', [price, 'apt install libisal2']);
}

async function zstd(): Promise<DoctorFinding> {
  if (await algorithmOf('zstd').isAvailable()) return fine('zstd', 'by node or libzstd');
  return lacking('missing', 'zstd', 'this node lacks zstd, and libzstd.so.1 is not installed', [
    'images with zstd layers cannot be read, nor written with --compress=zstd',
    'use node 22.15 or later, or apt install libzstd1',
  ]);
}

function program([names, cost, remedy]: (typeof programs)[number]): DoctorFinding {
  const found = names.flatMap((name) => findProgram(name) ?? []);
  const title = names.join(', ');
  return found.length > 0
    ? fine(title, found.join(', '))
    : lacking('missing', title, 'not found on PATH', [cost, remedy]);
}
