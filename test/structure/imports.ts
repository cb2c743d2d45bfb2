/** The import rules of the package, as a function of a file's path and text, so that they can be tested. */

/** What breaks a rule in one source file (`path` relative to the repository), one line each. */
export function violations(path: string, source: string): string[] {
  const code = withoutComments(source);
  const imported = imports(code);
  return [
    ...imported.filter((name) => !mayImport(path, name)).map((name) => `${path} imports ${name}`),
    ...(/^src\/(mtree|testing)\//.test(path)
      ? []
      : makingDirectories(code).map((what) => `${path} calls ${what}`)),
    ...(mayPrint(path) ? [] : printing(withoutStrings(code)).map((what) => `${path} uses ${what}`)),
  ];
}

/** Module names that the code imports, re-exports, requires or resolves. */
export function imports(code: string): string[] {
  const statement = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\bresolve\s*\()\s*(['"`])([^'"`\n]+)\1/g;
  return [...code.matchAll(statement)].map((match) => match[2]!);
}

function mayImport(path: string, name: string): boolean {
  const target = name.startsWith('.') ? normalize(path, name) : name;
  const [area, part] = path.split('/');
  if (target === 'koffi') return path.startsWith('src/system/');
  if (area === 'src' && part === 'mtree') return target.startsWith('src/mtree/') || isBuiltin(target);
  if (area === 'src') return !/^(drivers|hooks|test)\//.test(target) && !/^layerhook(\/|$)/.test(target);
  if (area === 'drivers' || area === 'hooks') {
    const own = target.startsWith(`${area}/`);
    return own || isBuiltin(target) || /^layerhook(\/|$)/.test(target);
  }
  return true;
}

/** Only the command line and the executables of hooks/ print or exit. */
function mayPrint(path: string): boolean {
  return path.startsWith('src/cli/') || path.startsWith('hooks/') || path.startsWith('test/');
}

function printing(code: string): string[] {
  const uses = /\b(console\s*\.\s*\w+|process\s*\.\s*(?:stdout|stderr|exit|exitCode|abort))\b/g;
  return [...code.matchAll(uses)].map((match) => match[1]!.replace(/\s/g, ''));
}

/** node's recursive mkdir never ends below /proc: makeDirectory of src/system is there for it. */
function makingDirectories(code: string): string[] {
  return [...code.matchAll(/\bmkdir(?:Sync)?\s*\([^;]*?\brecursive\s*:\s*true/g)].map(([call]) => call);
}

function isBuiltin(name: string): boolean {
  return name.startsWith('node:');
}

function normalize(path: string, name: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function withoutStrings(code: string): string {
  return code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''");
}

/** The code without comments; strings are kept, also those that hold `//`. */
function withoutComments(source: string): string {
  const token = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return source.replace(token, (text) => (/^\/[/*]/.test(text) ? ' ' : text));
}
