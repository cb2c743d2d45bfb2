/**
 * Reports wording that readers have to read twice, with file and line: `node scripts/plain-english.js`.
 * Exit status 1 if there is a finding. In code, comments and string literals are read; in Markdown and TOML, all text.
 * CONTRIBUTING.md, "Plain English", shows what to write instead.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Wordings and what to write instead. */
export const wordings = [
  [
    /\b(?:is|are|was|were|be) (?:no(?! longer)\b|none\b|nothing but\b)/i,
    'say what it is: missing, malformed, not found, empty',
  ],
  [
    /\b(?:who|whom|whoever|whatever|nobody|somebody|no one|someone)\b/i,
    'name the subject: the caller, the hook, another process',
  ],
  [/\b(?:is|are|was|were) to be\b/i, 'use must, or an active verb'],
  [/\b(?:is|are|was|were) (?:told|asked)\b/i, 'name the one that does it, with an active verb'],
  [/\bof which\b/i, 'split the sentence'],
  [
    /\bas (?:it|they) (?:is|are|was|were)\b(?! (?:in|on|at|by|written|given|called|read|made)\b)/i,
    'use unchanged, or name the state',
  ],
  [/\bany ?more\b/i, 'use no longer'],
  [/\bat once\b/i, 'use immediately, or at the same time'],
  [/\b(?:takes?|taking|taken|took) away\b/i, 'use removes'],
  [/\banew\b/i, 'use again'],
  [/\bthen(?:[.;)]|$)/i, 'put the condition first and drop then'],
];

/** A finding: its line (from 1), the wording, and what to write instead. */
export function findOddWording(path, source) {
  const prose = /\.(md|toml|example)$/.test(path) ? withoutCodeBlocks(source) : proseOfCode(source);
  return prose.split('\n').flatMap((line, at) =>
    wordings.flatMap(([pattern, instead]) => {
      const found = pattern.exec(line.trimEnd());
      return found ? [{ line: at + 1, wording: found[0], instead }] : [];
    }),
  );
}

/** Blanks out all but comments and string literals, so that line numbers stay. */
function proseOfCode(source) {
  const token =
    /(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*(?=\s*[.,;)\]:])|[^\n]/g;
  return source.replace(
    token,
    (text, comment, string) => comment ?? (string?.includes(' ') ? string : blank(text)),
  );
}

/** Blanks out what is quoted from a terminal or a program. */
function withoutCodeBlocks(source) {
  return source
    .replace(/^```[\s\S]*?^```/gm, blank)
    .replace(/`[^`\n]*`/g, (code) => '`'.padEnd(code.length, '_'));
}

function blank(text) {
  return text.replace(/[^\n]/g, ' ');
}

const checked = /^(?:(?:src|drivers|hooks|docs|scripts|test)\/.*|[^/]+)\.(?:ts|js|mjs|md|toml|example)$/;
/** These files quote the wordings. */
const exempt = new Set([
  'scripts/plain-english.js',
  'test/structure/plain-english.test.ts',
  'CONTRIBUTING.md',
]);

function main() {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  let count = 0;
  for (const path of files.split('\0').filter((name) => checked.test(name) && !exempt.has(name))) {
    for (const { line, wording, instead } of findOddWording(path, readFileSync(path, 'utf8'))) {
      count += 1;
      console.error(`${path}:${line}: "${wording}": ${instead}`);
    }
  }
  if (count > 0) console.error(`${count} findings`);
  process.exitCode = count > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
