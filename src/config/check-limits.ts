import { isLimit, type Limits, limitTable } from '../errors/index.js';
import { show } from '../points/check-result.js';
import { isObject } from '../text/is-object.js';
import { limitIn } from '../text/quantity.js';
import type { TomlFile } from '../text/toml.js';
import { checkKeys } from './check-table.js';

/** The table `[limits]`: a whole number, or a size such as "10GiB", for names of limits. @throws CONFIG_INVALID with line */
export function checkLimits(toml: TomlFile): Limits {
  const { limits = {} } = toml.values;
  if (!isObject(limits))
    throw toml.invalid(['limits'], `limits is ${show(limits)}`, 'limits is a table: [limits]');
  checkKeys(toml, ['limits'], limits, Object.keys(limitTable));
  const checked: Record<string, number> = {};
  for (const [name, value] of Object.entries(limits)) {
    const number = isLimit(name) ? limitIn(name, String(value)) : undefined;
    if (number === undefined) {
      const expected = 'a limit is a whole number, or a size such as "10GiB"';
      throw toml.invalid(['limits', name], `${name} is ${show(value)}`, expected);
    }
    checked[name] = number;
  }
  return checked;
}
