/** Run by concurrency.test.ts: node tag-many.js LAYOUT PREFIX COUNT makes the images PREFIX0, PREFIX1, … */
import { openLayout } from '../../src/image/layout.js';
import { newImage } from '../../src/image/new.js';

const [path, prefix, count] = process.argv.slice(2);
const layout = openLayout(path!);
for (let at = 0; at < Number(count); at += 1) await newImage(layout, `${prefix}${at}`, new Date(at * 1000));
await layout.close();
