import { isLayerhookError } from '../../errors/index.js';
import { createLayout, type Layout, type LayoutOptions, openLayout } from '../../image/layout.js';

/**
 * Calls `use` with a layout, which is created if it is missing, or if a killed call has only begun to create it. If `use` fails,
 * a layout that was created is removed.
 */
export async function inTargetLayout<T>(
  path: string,
  options: LayoutOptions,
  use: (layout: Layout) => Promise<T>,
): Promise<T> {
  const layout = openOrCreate(path, options);
  try {
    return await use(layout);
  } catch (error) {
    await layout.discard();
    throw error;
  } finally {
    await layout.close();
  }
}

function openOrCreate(path: string, options: LayoutOptions): Layout {
  try {
    return createLayout(path, options);
  } catch (error) {
    if (!isLayerhookError(error, 'LAYOUT_EXISTS')) throw error;
    return openLayout(path, options);
  }
}
