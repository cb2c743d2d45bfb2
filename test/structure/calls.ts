/** What source files may call, as a function of a file's path and text, so that bad samples can be tested. */

/** The calls in one source file (`path` relative to the repository) that break a rule, one line each. */
export function forbiddenCalls(path: string, source: string): string[] {
  const code = withoutComments(source);
  return [
    ...(/^src\/(?:(?:mtree|testing)\/|system\/close\.ts$)/.test(path)
      ? []
      : replaced(code).map((what) => `${path} calls ${what}`)),
    ...guessed(path, code).map((what) => `${path} calls ${what}`),
    ...(mayPrint(path) ? [] : printing(withoutStrings(code)).map((what) => `${path} uses ${what}`)),
  ];
}

/** Module names that the code imports, re-exports, requires or resolves. */
export function importsOf(source: string): string[] {
  const statement = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\bresolve\s*\()\s*(['"`])([^'"`\n]+)\1/g;
  return [...withoutComments(source).matchAll(statement)].map((match) => match[2]!);
}

/** Only the command line and the executables of hooks/ print or exit. */
function mayPrint(path: string): boolean {
  return path.startsWith('src/cli/') || path.startsWith('hooks/') || path.startsWith('test/');
}

function printing(code: string): string[] {
  const uses = /\b(console\s*\.\s*\w+|process\s*\.\s*(?:stdout|stderr|exit|exitCode|abort))\b/g;
  return [...code.matchAll(uses)].map((match) => match[1]!.replace(/\s/g, ''));
}

/**
 * Calls that src/system replaces: node's recursive mkdir does not end below /proc (makeDirectory), the errors of its
 * rmSync have no code (removeFile, removeTree), and those of its closeSync have no path (close, closeWritten).
 */
function replaced(code: string): string[] {
  const calls = /\bmkdir(?:Sync)?\s*\([^;]*?\brecursive\s*:\s*true|\brmSync\s*\(|(?<!\.)\bcloseSync\s*\(/g;
  return [...code.matchAll(calls)].map(([call]) => call);
}

/**
 * node's existsSync says that a file is missing also if the disk fails: `exists` says which. A command that only advises may guess.
 * A driver's name may be any text, also one that is too long for a file.
 */
function guessed(path: string, code: string): string[] {
  if (path === 'src/engine/shipped-drivers.ts') return [];
  if (!/^(drivers|src\/(engine|erofs|image|layer|overlay|store))\//.test(path)) return [];
  return [...code.matchAll(/\bexistsSync\s*\(/g)].map(([call]) => call);
}

function withoutStrings(code: string): string {
  return code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
}

/** The code without comments; strings are kept, also those that hold `//`. */
function withoutComments(source: string): string {
  const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(token, (text) => (/^\/[/*]/.test(text) ? ' ' : text));
}
