/** Draws steps of the demo as a terminal, in SVG: README shows the picture. */
import type { Step } from './show.js';

const column = 8.4;
const row = 20;
const margin = 20;
const titleBar = 36;
const colors = {
  background: '#16181d',
  text: '#d7dae0',
  dim: '#8b93a3',
  heading: '#ffffff',
  prompt: '#7ec699',
};
type Color = keyof typeof colors;
type Line = { text: string; color: Color; bold?: boolean }[];

/**
 * Draws a command and steps of its output.
 *
 * @returns an SVG document without scripts, fonts or references
 */
export function drawSteps(command: string, steps: readonly Step[]): string {
  const lines: Line[] = [
    [
      { text: '# ', color: 'prompt' },
      { text: command, color: 'heading' },
    ],
    ...steps.flatMap(stepLines),
  ];
  const widest = Math.max(...lines.map((line) => line.reduce((sum, { text }) => sum + text.length, 0)));
  const width = Math.ceil(widest * column + 2 * margin);
  const height = titleBar + lines.length * row + margin;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${escaped(command)} in a terminal">
<rect width="${width}" height="${height}" rx="10" fill="${colors.background}"/>
${['#ff5f57', '#febc2e', '#28c840'].map((fill, index) => `<circle cx="${margin + index * 18}" cy="18" r="5.5" fill="${fill}"/>`).join('')}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">
${lines.map(drawLine).join('\n')}
</g>
</svg>
`;
}

function stepLines({ title, lines }: Step): Line[] {
  const rows = lines.map(
    ([name, text]): Line => [
      { text: `   ${name}`, color: 'dim' },
      { text, color: 'text' },
    ],
  );
  return [[], [{ text: title.replace(/^\d+\. /, ''), color: 'heading', bold: true }], ...rows];
}

function drawLine(line: Line, index: number): string {
  const parts = line.map(
    ({ text, color, bold }) =>
      `<tspan fill="${colors[color]}"${bold ? ' font-weight="bold"' : ''}>${escaped(text)}</tspan>`,
  );
  return `<text x="${margin}" y="${titleBar + (index + 0.8) * row}">${parts.join('')}</text>`;
}

/** Escapes text for XML. No-break spaces keep their width, where a browser draws a run of spaces as one. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .replaceAll(' ', '\u00a0');
}
