import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  type CheckOptions,
  check,
  compare,
  create,
  currentHeader,
  formatBSD,
  formatJSON,
  formatManifest,
  formatPaths,
  type Keyword,
  parse,
  umociKeywords,
  walk,
} from 'mtree-ts';
import { requires } from '../helpers/requires.js';
import { tmpdir } from '../helpers/tmp.js';
import { findGomtree, makeTree, setXattr, xattrName, xattrReader } from './fixture.js';

const digests = ['md5', 'ripemd160', 'sha1', 'sha256', 'sha384', 'sha512'].map(
  (name) => `${name}digest` as Keyword,
);
const everyKeyword: Keyword[] = [
  ...digests,
  'cksum',
  'flags',
  'gname',
  'mode',
  'time',
  'type',
  'uname',
  'xattr',
];
const keywordSets: [title: string, keywords: readonly Keyword[]][] = [
  ["umoci's keywords", umociKeywords],
  ['keywords without owners', everyKeyword],
  ['a link and its type only', ['type', 'link']],
];

for (const [title, keywords] of keywordSets) {
  test(`writes what gomtree -c writes: ${title}`, (t) => {
    const setup = prepare(t);
    if (!setup) return;
    const { gomtree, root } = setup;
    const theirs = run(gomtree, '-c', '-p', root, '-k', keywords.join()).stdout;
    const ours = written(root, keywords);
    t.is(withoutDate(ours), withoutDate(theirs));
  });

  test(`walks to the entries of gomtree's manifest, and formats them alike: ${title}`, (t) => {
    const setup = prepare(t);
    if (!setup) return;
    const { gomtree, root } = setup;
    const theirs = parse(run(gomtree, '-c', '-p', root, '-k', keywords.join()).stdout);
    const options = { keywords, xattrs: xattrReader(root) };
    t.deepEqual(compare(theirs, walk(root, options), { strict: true, keywords }), []);
    const formatted = parse(formatManifest(theirs));
    t.deepEqual(compare(theirs, formatted, { strict: true }), []);
    t.deepEqual(check(root, formatted, { ...options, strict: true }), []);
  });
}

test('a parsed gomtree manifest is formatted to the same bytes', (t) => {
  const setup = prepare(t);
  if (!setup) return;
  const theirs = run(setup.gomtree, '-c', '-p', setup.root, '-k', umociKeywords.join()).stdout;
  t.is(formatManifest(parse(theirs), { keywords: umociKeywords }).toString('latin1'), theirs);
});

test('gomtree finds the directory as our manifest says', (t) => {
  const setup = prepare(t);
  if (!setup) return;
  const { gomtree, root } = setup;
  const file = join(tmpdir(t), 'manifest');
  writeFileSync(file, written(root, umociKeywords), 'latin1');
  const result = run(gomtree, '--strict', '-f', file, '-p', root);
  t.is(result.stdout, '');
  t.is(result.status, 0);
});

for (const strict of [true, false]) {
  test(`sees the changes that gomtree sees: check${strict ? ', strict' : ''}`, (t) => {
    const setup = prepare(t);
    if (!setup) return;
    const { gomtree, root } = setup;
    const file = join(tmpdir(t), 'manifest');
    writeFileSync(file, written(root, umociKeywords), 'latin1');
    changeTree(root);
    const args = ['-f', file, '-p', root, '-k', umociKeywords.join(), '--result-format'];
    if (strict) args.unshift('--strict');
    const theirs = run(gomtree, ...args, 'json');
    const options: CheckOptions = { strict, keywords: umociKeywords, xattrs: xattrReader(root) };
    const ours = check(root, parse(readFileSync(file)), options);
    t.deepEqual(
      comparable(JSON.parse(formatJSON(ours))),
      comparable(withoutNeedlessDigests(JSON.parse(asText(theirs.stdout)))),
    );
    t.is(theirs.status, 1);

    const lines = new Set(formatBSD(ours).split('\n'));
    const theirLines = asText(run(gomtree, ...args, 'bsd').stdout).split('\n');
    t.deepEqual(
      theirLines.filter((line) => !lines.has(line) && !/"sha256digest"/.test(line)),
      [],
    );
    // gomtree prints a line end in a name unescaped, layerhook escapes it
    const theirPaths = asText(run(gomtree, ...args, 'path').stdout).replace('é\n\n', 'é\\n\n');
    t.deepEqual(formatPaths(ours, { strict }).split('\n').sort(), theirPaths.split('\n').sort());
  });
}

test('sees the changes that gomtree sees: two manifests, one with time, one with tar_time', (t) => {
  const setup = prepare(t);
  if (!setup) return;
  const { gomtree, root } = setup;
  const files = ['before', 'after'].map((name) => join(tmpdir(t), name));
  const keywords: Keyword[] = ['type', 'size', 'uid', 'gid', 'mode', 'md5digest', 'xattr', 'link'];
  writeFileSync(files[0]!, written(root, [...keywords, 'time']), 'latin1');
  changeTree(root);
  writeFileSync(files[1]!, written(root, [...keywords, 'tar_time']), 'latin1');
  const theirs = run(gomtree, '--strict', '-f', files[0]!, '-f', files[1]!, '--result-format', 'json');
  const ours = compare(parse(readFileSync(files[0]!)), parse(readFileSync(files[1]!)), { strict: true });
  t.deepEqual(comparable(JSON.parse(formatJSON(ours))), comparable(JSON.parse(asText(theirs.stdout))));
  t.true(ours.some(({ diffs }) => diffs.some(({ name }) => name === 'tar_time')));
});

interface Setup {
  gomtree: string;
  root: string;
}

function prepare(t: ExecutionContext<unknown>): Setup | undefined {
  if (!requires(t, 'getfattr', 'setfattr')) return undefined;
  const gomtree = findGomtree(t);
  if (gomtree === undefined) return undefined;
  const root = join(tmpdir(t), 'tree');
  makeTree(root);
  setXattr(join(root, 'plain'), 'one', 'value');
  setXattr(join(root, 'sub/file'), 'gone', 'value');
  setXattr(join(root, 'zz'), 'dir with space#', '0x00ff');
  return { gomtree, root };
}

/** Twenty kinds of change, each on a file of its own. */
function changeTree(root: string): void {
  const at = (name: string) => join(root, name);
  appendFileSync(at('.hidden'), 'more');
  writeFileSync(at('...'), 'content of +++\n');
  utimesSync(at('...'), 5, 5);
  chmodSync(at('sp ace'), 0o600);
  rmSync(at('hash#tag'));
  rmSync(at('empty'), { recursive: true });
  writeFileSync(at('new file é\n'), 'new');
  mkdirSync(at('newdir'));
  writeFileSync(at('newdir/in'), '');
  rmSync(at('symlink'));
  symlinkSync('elsewhere', at('symlink'));
  rmSync(at('end\\'));
  symlinkSync('was a file', at('end\\'));
  rmSync(at('fifo'));
  mkdirSync(at('fifo'));
  rmSync(at('sub/hardlink'));
  setXattr(at('plain'), 'one', 'changed');
  setXattr(at('sub/file'), 'new', 'value');
  run('setfattr', '-x', xattrName('gone'), at('sub/file'));
  chmodSync(at('sub/file'), 0o755);
  if (process.getuid?.() === 0) run('chown', '9:9', at('zz/none'));
}

function written(root: string, keywords: readonly Keyword[]): string {
  const chunks: Buffer[] = [];
  create(root, (chunk) => chunks.push(chunk), {
    keywords,
    header: currentHeader(root),
    xattrs: xattrReader(root),
  });
  return Buffer.concat(chunks).toString('latin1');
}

function run(program: string, ...args: string[]): { stdout: string; status: number | null } {
  const { stdout, status } = spawnSync(program, args, { encoding: 'latin1', maxBuffer: 1 << 28 });
  return { stdout, status };
}

/** The text of output that is UTF-8. */
function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function withoutDate(manifest: string): string {
  return manifest.replace(/^(# +date: )\w{3} \w{3} \d{1,2} \d\d:\d\d:\d\d \d{4}$/m, '$1');
}

interface JSONDelta {
  type: string;
  path: string;
  keys: { name: string; type: string }[] | null;
}

/** Removes gomtree's verdict on the content of files whose type or size differs: mtree-ts does not read those. */
function withoutNeedlessDigests(deltas: JSONDelta[]): JSONDelta[] {
  return deltas.map(({ keys, ...delta }) => {
    const differs = keys?.some(({ name, type }) => /^(?:size|type)$/.test(name) && type === 'modified');
    return { ...delta, keys: differs ? keys!.filter((key) => !isContentChange(key)) : keys };
  });
}

function isContentChange({ name, type }: { name: string; type: string }): boolean {
  return name === 'sha256digest' && type === 'modified';
}

function comparable(deltas: JSONDelta[]): JSONDelta[] {
  const sorted = deltas.map(({ keys, ...delta }) => ({
    ...delta,
    keys: keys && [...keys].sort((a, b) => (a.name < b.name ? -1 : 1)),
  }));
  return sorted.sort((a, b) => (a.path < b.path ? -1 : 1));
}
