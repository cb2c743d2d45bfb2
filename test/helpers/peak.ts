import { execFileSync, spawnSync } from 'node:child_process';
import type { Digest } from '../../src/image/types.js';

/**
 * Runs a program that must succeed, unless another exit status is expected.
 *
 * @returns the largest resident memory of the program or one of its child processes, in bytes (getrusage)
 */
export function peakMemory(file: string, args: string[], expected = 0): number {
  const script = [
    'import resource, subprocess, sys',
    'status = subprocess.call(sys.argv[1:], stdout=sys.stderr)',
    'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)',
    'sys.exit(status)',
  ].join('\n');
  const ran = spawnSync('python3', ['-c', script, file, ...args], { encoding: 'utf8' });
  if (ran.status !== expected)
    throw new Error(`${file} ended with ${ran.signal ?? ran.status}: ${ran.stderr}`);
  return Number(ran.stdout);
}

/**
 * Writes the tar of a large layer to a file, compressed: `gigabytes` GiB in files of 1 GiB, without holding it.
 *
 * @returns the digests of the file and of the tar
 */
export function writeLargeLayer(path: string, gigabytes: number): { digest: Digest; diffID: Digest } {
  const args = ['-c', largeLayer, path, String(gigabytes)];
  return JSON.parse(
    execFileSync('python3', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

/** A gzip member for each mebibyte is valid, and fast, since the mebibyte is compressed only once. */
const largeLayer = `
import gzip, hashlib, json, random, sys, tarfile
random.seed(1)
words = [random.randbytes(600) for _ in range(40)]
block = b''.join(random.choice(words) for _ in range(2**20 // 600 + 1))[:2**20]
packed = gzip.compress(block, 1)
digest, diff_id = hashlib.sha256(), hashlib.sha256()
with open(sys.argv[1], 'wb') as out:
    def write(plain, member):
        diff_id.update(plain)
        digest.update(member)
        out.write(member)
    for at in range(int(sys.argv[2])):
        info = tarfile.TarInfo('large-%d' % at)
        info.size = 2**30
        write(info.tobuf(), gzip.compress(info.tobuf()))
        for _ in range(1024):
            write(block, packed)
    write(bytes(1024), gzip.compress(bytes(1024)))
print(json.dumps({'digest': 'sha256:' + digest.hexdigest(), 'diffID': 'sha256:' + diff_id.hexdigest()}))
`;
