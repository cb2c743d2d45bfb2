import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean } from '../../text/nearest.js';
import { readWholeFile } from '../../text/read-file.js';
import { meantBeside } from '../meant-beside.js';
import { isPath, type ModuleName } from './import.js';

const missing = /^Cannot find (?:package|module) '(.+?)'(?: imported from (.+))?$/;

/**
 * Explains in one line why a module of the operator cannot be loaded: with file and line, also if the fault is in a module
 * that it imports, and with a suggestion for a misspelt name.
 *
 * @param error what the import threw
 * @param known names of other modules, for a suggestion
 */
export function explainImport(error: unknown, module: ModuleName, known: readonly string[] = []): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message } = error as NodeJS.ErrnoException;
  const [, name = '', importer] = missing.exec(message.split('\n')[0] as string) ?? [];
  if (code === 'ERR_MODULE_NOT_FOUND' && name !== '') return explainMissing(module, name, importer, known);
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.m?ts\b/.test(message))
    return `node ${process.version} cannot load TypeScript; node 22.18 and later can`;
  const place = placeIn(error) ?? (error instanceof SyntaxError ? placeByCheck(module) : undefined);
  return place === undefined ? message : `${place}: ${message}`;
}

function explainMissing(
  { name: wanted }: ModuleName,
  name: string,
  importer: string | undefined,
  known: readonly string[],
): string {
  if (name === wanted) {
    return `the module is missing${isPath(name) ? meantBeside(name) : didYouMean(name, known)}`;
  }
  if (importer === undefined) return `it imports ${name}, which is missing`;
  const at = lineOf(importer, name);
  return `${importer}${at === undefined ? '' : `:${at}`} imports ${name}, which is missing`;
}

/** Returns the line, from 1, on which a file has the name of an import; node does not report it. */
function lineOf(file: string, name: string): number | undefined {
  try {
    const lines = readWholeFile(file).toString().split('\n');
    const at = lines.findIndex(
      (line) => /\b(import|from|require)\b/.test(line) && line.includes(basename(name)),
    );
    return at === -1 ? undefined : at + 1;
  } catch {
    return undefined;
  }
}

/** Returns `FILE:LINE` from the first place in a stack that is in a file. */
function placeIn({ stack = '' }: Error): string | undefined {
  const [, url, line] = /(file:\/\/[^\s)]+?):(\d+)(?::\d+)?\)?$/m.exec(stack) ?? [];
  return url === undefined ? undefined : `${fileURLToPath(url)}:${line}`;
}

/** Returns `FILE:LINE` of a syntax error, which node reports only for a file that it runs. */
function placeByCheck({ name }: ModuleName): string | undefined {
  if (!isPath(name)) return undefined;
  const { stderr } = spawnSync(process.execPath, ['--check', name], { encoding: 'utf8', timeout: 10_000 });
  const [, place] = /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(stderr ?? '') ?? [];
  return place;
}
