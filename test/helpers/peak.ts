import { execFileSync, spawnSync } from 'node:child_process';

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

/** Writes the tar of a large layer to a file, compressed: `gigabytes` GiB in files of 1 GiB, without holding it. */
export function writeLargeLayer(path: string, gigabytes: number): void {
  execFileSync('python3', ['-c', largeLayer, path, String(gigabytes)], { stdio: 'inherit' });
}

/** A gzip member for each mebibyte is valid, and fast, since the mebibyte is compressed only once. */
const largeLayer = `
import gzip, io, random, sys, tarfile
random.seed(1)
words = [random.randbytes(600) for _ in range(40)]
block = b''.join(random.choice(words) for _ in range(2**20 // 600 + 1))[:2**20]
packed = gzip.compress(block, 1)
with open(sys.argv[1], 'wb') as out:
    for at in range(int(sys.argv[2])):
        info = tarfile.TarInfo('large-%d' % at)
        info.size = 2**30
        out.write(gzip.compress(info.tobuf()))
        for _ in range(1024):
            out.write(packed)
    out.write(gzip.compress(bytes(1024)))
`;
