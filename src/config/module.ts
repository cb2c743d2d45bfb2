import { show } from '../points/check-result.js';
import type { Hooks, PointName } from '../points/points.js';
import { isPoint, pointNames } from '../points/table.js';
import { didYouMean } from '../text/nearest.js';
import type { TomlFile } from '../text/toml.js';
import type { KeyPath } from '../text/toml-positions.js';
import { explainImport } from './modules/explain.js';
import { importModule } from './modules/import.js';
import { checkPolicy } from './schema.js';
import type { HookEntry, ModuleRun } from './types.js';

/**
 * Imports a hook module and takes its hooks: its default export, or what that function makes of `[hook.options]`.
 * With `point` in hooks.toml only those points count; without it, all that it has, which `entry.points` gets.
 *
 * @throws CONFIG_INVALID at the line of `module`: it cannot be loaded, exports no hooks, or hooks at unknown points
 */
export async function moduleHooks(toml: TomlFile, index: number, entry: HookEntry): Promise<Hooks> {
  const run = entry.run as ModuleRun;
  const path: KeyPath = ['hook', index, 'module'];
  const hooks = await importHooks(toml, path, run);
  const offered = checkHooks(toml, path, run.file, hooks);
  if (entry.points.length === 0) entry.points = offered;
  const missing = entry.points.find((point) => !offered.includes(point));
  if (missing !== undefined) {
    const reason = `${run.file} has no hook at ${missing}`;
    throw toml.invalid(['hook', index, 'point'], reason, `it has ${offered.join(', ')}`);
  }
  checkPolicy(toml, ['hook', index], entry.points, entry.onFailure);
  return Object.fromEntries(entry.points.map((point) => [point, hooks[point]]));
}

async function importHooks(toml: TomlFile, path: KeyPath, { file, options }: ModuleRun): Promise<Hooks> {
  let exported: unknown;
  try {
    exported = (await importModule({ name: file })).default;
    if (typeof exported === 'function') exported = await (exported as (options: unknown) => unknown)(options);
    else if (Object.keys(options).length > 0)
      throw new Error('its default export is not a function, so it cannot take options');
  } catch (error) {
    const reason = `${file} cannot be loaded: ${explainImport(error, { name: file })}`;
    throw toml.invalid(path, reason, 'the module must load; try it with node', error);
  }
  if (typeof exported === 'object' && exported !== null) return exported as Hooks;
  const expected =
    "export default {'POINT': (context) => ...}, or a function of the options that returns that";
  throw toml.invalid(path, `${file} exports ${show(exported)} by default`, expected);
}

function checkHooks(toml: TomlFile, path: KeyPath, file: string, hooks: Hooks): PointName[] {
  const points: PointName[] = [];
  for (const [point, hook] of Object.entries(hooks)) {
    if (!isPoint(point)) {
      const reason = `${file} has a hook at ${point}, which is unknown${didYouMean(point, pointNames)}`;
      throw toml.invalid(path, reason, 'layerhook hooks list shows them all');
    }
    if (hook === undefined) continue;
    if (typeof hook !== 'function') {
      throw toml.invalid(
        path,
        `${file} has ${show(hook)} at ${point}`,
        'a hook is a function of the context',
      );
    }
    points.push(point);
  }
  if (points.length > 0) return points;
  throw toml.invalid(path, `${file} has no hooks`, "export default {'POINT': (context) => ...}");
}
