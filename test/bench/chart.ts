import type { TaskResult } from './measure.js';
import { median } from './pairs.js';

/** Pixels of the chart. */
const width = 900;
const nameWidth = 190;
const barHeight = 15;
const valueWidth = 120;

/** Returns a chart of wall times: a group of bars for each task, ours in another color than the peers. */
export function benchChart(
  tasks: readonly TaskResult[],
  { processor, cores, date }: { processor: string; cores: number; date: string },
): string {
  let y = 24;
  const groups = tasks.map((task) => {
    const group = drawTask(task, y);
    y += group.height;
    return group.svg;
  });
  const title = `wall time, median; ${processor}, ${cores} cores, ${date.slice(0, 10)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="8" y="16" fill="#555">${escapeXml(title)}</text>`,
    ...groups,
    '</svg>\n',
  ].join('\n');
}

function drawTask({ image, task, results }: TaskResult, top: number): { svg: string; height: number } {
  const sorted = results
    .map(({ name, wall }) => ({ name, seconds: median(wall) }))
    .sort((a, b) => a.seconds - b.seconds);
  const longest = sorted.at(-1)!.seconds;
  const bars = sorted.map(({ name, seconds }, at) => {
    const y = top + 24 + at * barHeight;
    const length = ((width - nameWidth - valueWidth) * seconds) / longest;
    const color = /\((node|driver)/.test(name) && !name.startsWith('node') ? '#2874a6' : '#b2babb';
    return [
      `<text x="${nameWidth - 6}" y="${y + 11}" text-anchor="end">${escapeXml(name)}</text>`,
      `<rect x="${nameWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 3}" fill="${color}"/>`,
      `<text x="${(nameWidth + length + 5).toFixed(1)}" y="${y + 11}" fill="#555">${seconds.toFixed(3)} s</text>`,
    ].join('');
  });
  const heading = `<text x="8" y="${top + 17}" font-weight="bold">${escapeXml(`${task}: ${image}`)}</text>`;
  return { svg: [heading, ...bars].join('\n'), height: 34 + sorted.length * barHeight };
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
