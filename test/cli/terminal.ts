// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal's control sequences
import { spawnSync } from 'node:child_process';

/** Runs a command line on a terminal of its own, of 25 rows and `columns` columns; returns what it wrote there. */
export function runOnTerminal(
  columns: number,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): string {
  const command = `stty cols ${columns} rows 25; exec ${process.execPath} ${file} ${args.join(' ')}`;
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return spawnSync('script', ['-qfec', command, '/dev/null'], options).stdout;
}

/** What is on the screen at the end, and the highest number of lines redrawn together. */
export function play(output: string): { screen: string[]; highest: number; widest: number } {
  const screen: string[] = [''];
  let row = 0;
  let highest = 0;
  let widest = 0;
  for (const [token, up] of output.matchAll(/\u001b\[(\d+)A|\u001b\[J|\u001b\[\d+m|\r|\n|[^\u001b\r\n]+/g)) {
    if (up !== undefined) {
      row -= Number(up);
      highest = Math.max(highest, Number(up));
    } else if (token === '\n') {
      row++;
      screen[row] ??= '';
    } else if (token === '\u001b[J') {
      screen.length = row;
      screen[row] = '';
    } else if (!token.startsWith('\u001b') && token !== '\r') {
      screen[row] += token;
      widest = Math.max(widest, screen[row]!.length);
    }
  }
  return { screen: screen.filter((line) => line !== ''), highest, widest };
}
