import { MtreeError } from './error.js';
import { baseName, joinPath, parentPath } from './path.js';

/** The methods that {@link writeTree} calls; {@link TreeWriter} has them. */
export interface TreeSink<Item> {
  enterDirectory(name: string, item: Item): void;
  file(name: string, item: Item): void;
  leaveDirectory(): void;
}

/**
 * Passes a whole tree to a writer in go-mtree's order. In each directory, the non-directories come first, sorted by bytes,
 * and after them the directories, also sorted. `items` may have any order.
 *
 * The caller must call the writer's `end()`.
 *
 * @param items distinct paths (byte strings relative to the root; `.` is the root) with their items
 * @throws MtreeError INCOMPLETE_TREE, after writing the rest, if a parent is missing or is not a directory
 */
export function writeTree<Item>(
  sink: TreeSink<Item>,
  items: Iterable<readonly [path: string, item: Item]>,
  isDirectory: (item: Item) => boolean,
): void {
  const directories = new Map<string, Children<Item>>();
  let root: Item | undefined;
  for (const [path, item] of items) {
    if (path === '.') {
      root = item;
      continue;
    }
    const children = childrenOf(directories, parentPath(path));
    (isDirectory(item) ? children.directories : children.files).push({ name: baseName(path), item });
  }
  if (root !== undefined) writeDirectory(sink, directories, { name: '.', item: root });
  for (const missing of directories.keys()) {
    throw new MtreeError('INCOMPLETE_TREE', `the tree has no directory ${JSON.stringify(missing)}`);
  }
}

interface Child<Item> {
  name: string;
  item: Item;
}

interface Children<Item> {
  files: Child<Item>[];
  directories: Child<Item>[];
}

function childrenOf<Item>(directories: Map<string, Children<Item>>, path: string): Children<Item> {
  let children = directories.get(path);
  if (children === undefined) {
    children = { files: [], directories: [] };
    directories.set(path, children);
  }
  return children;
}

/** Writes a directory with everything below it, at any depth. */
function writeDirectory<Item>(
  sink: TreeSink<Item>,
  directories: Map<string, Children<Item>>,
  root: Child<Item>,
): void {
  // for each level, the directories still to write, in reverse order
  const levels: { path: string; todo: Child<Item>[] }[] = [{ path: '', todo: [root] }];
  for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
    const child = level.todo.pop();
    if (child === undefined) {
      levels.pop();
      if (levels.length > 0) sink.leaveDirectory();
      continue;
    }
    const path = level.path === '' ? '.' : joinPath(level.path, child.name);
    const children = directories.get(path);
    directories.delete(path);
    sink.enterDirectory(child.name, child.item);
    for (const file of children?.files.sort(byName) ?? []) sink.file(file.name, file.item);
    levels.push({ path, todo: children?.directories.sort(byName).reverse() ?? [] });
  }
}

function byName(a: Child<unknown>, b: Child<unknown>): number {
  return a.name < b.name ? -1 : 1;
}
