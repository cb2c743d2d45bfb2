import { resolve } from 'node:path';
import { usageError } from '../../args/usage.js';
import { defineCommand } from '../../command.js';
import { isLanguage, languages, writeSkeleton } from './skeleton.js';

const command = 'layerhook hooks new';

export default defineCommand({
  usage: '(--driver | --hook) --lang LANG NAME',
  description: `Write the skeleton of a driver or a hook, which works, to the new directory
NAME: the code, a hooks.toml that names it, and a test. The test of a driver
is the conformance suite. docs/drivers.md goes on from there.`,
  examples: [
    'layerhook hooks new --hook --lang sh skip-layer',
    'layerhook hooks new --driver --lang mjs my-driver',
  ],
  arguments: ['NAME'],
  options: {
    driver: { describe: 'write a storage driver' },
    hook: { describe: 'write a hook' },
    lang: { value: 'LANG', required: true, describe: `language: ${languages.join(', ')}` },
  },
  async run([name = ''], { driver, hook, lang }, { print }) {
    if (driver === hook) throw usageError('give one of --driver and --hook', command);
    if (!isLanguage(lang))
      throw usageError(`unknown language ${lang}: expected one of ${languages.join(', ')}`, command);
    const kind = driver ? 'driver' : 'hook';
    for (const file of await writeSkeleton({ directory: resolve(name), name, kind, lang }))
      print(`wrote ${name}/${file}`);
    const test = lang === 'ts' ? 'npm install && npm test' : 'node --test';
    print(`test it${driver ? ', as root' : ''}: cd ${name} && ${test}`);
  },
});
