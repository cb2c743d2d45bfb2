import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';

/** What two readers must agree on. Names without the slash of directories. */
export interface Seen {
  name: string;
  /** a tar's typeflag by name; undefined where the reader does not tell */
  type: string;
  size: number;
  /** of files, in hex */
  content: string;
}

export const bare = (name: string) => name.replace(/(.)\/+$/s, '$1');

/** What tar-stream makes of an archive; undefined if it refuses it. */
export function byTarStream(archive: Buffer): Promise<Seen[] | undefined> {
  return new Promise((resolve) => {
    // it sometimes waits for what never comes
    const timer = setTimeout(() => done(undefined), 100);
    const done = (result: Seen[] | undefined) => {
      clearTimeout(timer);
      resolve(result);
    };
    const reader = extract({ filenameEncoding: 'latin1' } as object);
    const seen: Seen[] = [];
    reader.on('entry', (header, stream, next) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk) => chunks.push(chunk as Buffer));
      stream.on('end', () => {
        const content = Buffer.concat(chunks).toString('hex');
        const type = header.type === 'contiguous-file' ? 'file' : String(header.type);
        seen.push({ name: bare(header.name), type, size: header.size ?? 0, content });
        next();
      });
      stream.on('error', () => done(undefined));
    });
    reader.on('finish', () => done(seen));
    reader.on('error', () => done(undefined));
    reader.on('close', () => done(undefined));
    reader.end(archive);
  });
}

/** What GNU tar makes of an archive, contents run together; undefined if it refuses it or has anything to say. */
export function byGnuTar(archive: Buffer): { entries: Omit<Seen, 'content'>[]; content: string } | undefined {
  const options = { input: archive, env: { ...process.env, LC_ALL: 'C' } };
  const list = spawnSync('tar', ['-tv', '--numeric-owner', '--quoting-style=c', '-f', '-'], options);
  if (list.status !== 0 || list.stderr.length > 0) return undefined;
  const content = spawnSync('tar', ['-xO', '-f', '-'], options);
  if (content.status !== 0 || content.stderr.length > 0) return undefined;
  const lines = list.stdout.toString('latin1').split('\n').slice(0, -1);
  return { entries: lines.map(parseLine), content: content.stdout.toString('hex') };
}

const typeOfLetter: Record<string, string> = {
  '-': 'file',
  C: 'file',
  d: 'directory',
  l: 'symlink',
  h: 'hardlink',
  p: 'fifo',
  c: 'char',
  b: 'block',
};

function parseLine(line: string): Omit<Seen, 'content'> {
  const [, letter, size, quoted] = /^(.)\S+ \S+ +(\S+) \S+ \S+ "((?:[^"\\]|\\.)*)"/.exec(line)!;
  const type = typeOfLetter[letter!] ?? letter!;
  return { name: bare(unquote(quoted!)), type, size: type === 'file' ? Number(size) : 0 };
}

function unquote(text: string): string {
  const names: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
  return text.replace(/\\([0-7]{3}|.)/gs, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (names[code] ?? code),
  );
}

/** What Go's archive/tar, which all container engines use, makes of many archives; undefined without Go. */
export function byGo(archives: Buffer[], dir: string): (Seen[] | undefined)[] | undefined {
  if (spawnSync('go', ['version']).status !== 0) return undefined;
  writeFileSync(join(dir, 'main.go'), goProgram);
  writeFileSync(join(dir, 'go.mod'), 'module oracle\n\ngo 1.21\n');
  const framed = archives.flatMap((archive) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(archive.length);
    return [length, archive];
  });
  execFileSync('go', ['build', '-o', 'oracle', '.'], {
    cwd: dir,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  const out = execFileSync(join(dir, 'oracle'), { input: Buffer.concat(framed), maxBuffer: 1 << 29 });
  return String(out)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Seen[] | null)
    .map((seen) =>
      seen?.map((entry) => ({ ...entry, name: bare(Buffer.from(entry.name, 'hex').toString('latin1')) })),
    );
}

const goProgram = `package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
)

type seen struct {
	Name    string \`json:"name"\`
	Type    string \`json:"type"\`
	Size    int64  \`json:"size"\`
	Content string \`json:"content"\`
}

func read(archive []byte) []seen {
	reader := tar.NewReader(bytes.NewReader(archive))
	all := []seen{}
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			return nil
		}
		content, err := io.ReadAll(io.LimitReader(reader, 1<<24))
		if err != nil {
			return nil
		}
		all = append(all, seen{hex.EncodeToString([]byte(header.Name)), string(rune(header.Typeflag)), header.Size, hex.EncodeToString(content)})
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		length := make([]byte, 4)
		if _, err := io.ReadFull(in, length); err != nil {
			return
		}
		archive := make([]byte, binary.BigEndian.Uint32(length))
		io.ReadFull(in, archive)
		out.Encode(read(archive))
	}
}
`;
