const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);

/** A step of the demo with the lines that it printed: a dim name, which may be empty, and a text. */
export interface Step {
  title: string;
  lines: [name: string, text: string][];
}

/** The steps so far, for the picture. */
export const steps: Step[] = [];
const times: [step: string, ms: number][] = [];

/** Heads a step. */
export function heading(title: string): void {
  steps.push({ title: `${steps.length + 1}. ${title}`, lines: [] });
  console.log(`\n${paint(1, steps.at(-1)!.title)}`);
}

export function line(text: string): void {
  row('', text, 0);
}

/** A line with a dim name before it. */
export function row(name: string, text: string, width = 13): void {
  const padded = name === '' ? '' : `${name.padEnd(width)} `;
  steps.at(-1)?.lines.push([padded, text]);
  console.log(`   ${padded === '' ? '' : paint(2, padded)}${text}`);
}

/** Runs something and remembers how long it took, for the table at the end. */
export async function timed<T>(name: string, action: () => Promise<T> | T): Promise<T> {
  const began = performance.now();
  const result = await action();
  times.push([name, performance.now() - began]);
  return result;
}

/** The table of what took how long. */
export function timeTable(): void {
  const width = Math.max(...times.map(([name]) => name.length));
  const longest = Math.max(...times.map(([, ms]) => ms));
  for (const [name, ms] of times) {
    const bar = '#'.repeat(Math.max(1, Math.round((ms / longest) * 30)));
    line(`${name.padEnd(width)} ${ms.toFixed(0).padStart(6)} ms  ${paint(32, bar)}`);
  }
}

export function showBytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
