import { execFileSync } from 'node:child_process';

/** One entry of a layer as read by Python's tarfile. Names and attribute values are bytes (latin1). */
export interface LayerEntry {
  name: string;
  /** tar's typeflag */
  type: string;
  mode: string;
  owner: string;
  mtime: string;
  size?: number;
  sha256?: string;
  linkname?: string;
  device?: string;
  xattrs?: Record<string, string>;
}

/** Lists the entries of a layer's blob (plain, gzip or zstd), in order, without a leading `./` or trailing `/`. */
export function entriesOf(blob: string): LayerEntry[] {
  const text = execFileSync('sh', ['-c', 'zstd -dcqf -- "$0" | python3 -c "$1"', blob, script], {
    encoding: 'latin1',
    maxBuffer: 2 ** 30,
  });
  const rows = text.split('\n').filter((line) => line !== '');
  return rows.map((line) => JSON.parse(line) as LayerEntry);
}

const script = `
import hashlib, json, sys, tarfile
raw = lambda s: s.encode('utf-8', 'surrogateescape').decode('latin1')
with tarfile.open(fileobj=sys.stdin.buffer, mode='r|', encoding='utf-8', errors='surrogateescape') as tar:
    for m in tar:
        seconds = m.pax_headers.get('mtime', str(m.mtime)).partition('.')
        name = raw(m.name)
        name = name[2:] if name.startswith('./') else name
        row = {'name': name, 'type': m.type.decode(), 'mode': '%04o' % m.mode, 'owner': '%d:%d' % (m.uid, m.gid),
               'mtime': seconds[0] + '.' + seconds[2].ljust(9, '0')[:9]}
        if m.isreg():
            row['size'] = m.size
            row['sha256'] = hashlib.sha256(tar.extractfile(m).read()).hexdigest()
        if m.islnk() or m.issym():
            target = raw(m.linkname)
            row['linkname'] = target[2:] if m.islnk() and target.startswith('./') else target
        if m.ischr() or m.isblk():
            row['device'] = '%d,%d' % (m.devmajor, m.devminor)
        xattrs = {raw(k[len('SCHILY.xattr.'):]): raw(v).encode('latin1').hex()
                  for k, v in sorted(m.pax_headers.items()) if k.startswith('SCHILY.xattr.')}
        if xattrs:
            row['xattrs'] = xattrs
        print(json.dumps(row))
`;
