import { MtreeError } from './error.js';
import { baseName, parentPath } from './path.js';

/** What {@link writeTree} calls: {@link TreeWriter} has these methods. */
export interface TreeSink<Item> {
  enterDirectory(name: string, item: Item): void;
  file(name: string, item: Item): void;
  leaveDirectory(): void;
}

/**
 * Gives a whole tree to a writer in go-mtree's order, whatever order the paths come in: in a directory first
 * all that are no directories, sorted by bytes, then the directories, likewise.
 *
 * The caller calls the writer's `end()`.
 *
 * @param items path (a byte string relative to the root, `.` for the root itself) and what is known of it
 * @throws MtreeError INCOMPLETE_TREE, after the rest was written, if the directory of an item is missing or is none
 */
export function writeTree<Item>(
  sink: TreeSink<Item>,
  items: Iterable<readonly [path: string, item: Item]>,
  isDirectory: (item: Item) => boolean,
): void {
  const directories = new Map<string, Children<Item>>();
  let root: Item | undefined;
  for (const [path, item] of items) {
    if (path === '.') root = item;
    else
      childrenOf(directories, parentPath(path))[isDirectory(item) ? 'directories' : 'files'].set(path, item);
  }
  if (root !== undefined) writeDirectory(sink, directories, '.', root);
  for (const missing of directories.keys()) {
    throw new MtreeError('INCOMPLETE_TREE', `the tree has no directory ${JSON.stringify(missing)}`);
  }
}

interface Children<Item> {
  files: Map<string, Item>;
  directories: Map<string, Item>;
}

function childrenOf<Item>(directories: Map<string, Children<Item>>, path: string): Children<Item> {
  let children = directories.get(path);
  if (children === undefined) {
    children = { files: new Map(), directories: new Map() };
    directories.set(path, children);
  }
  return children;
}

function writeDirectory<Item>(
  sink: TreeSink<Item>,
  directories: Map<string, Children<Item>>,
  path: string,
  item: Item,
): void {
  sink.enterDirectory(baseName(path), item);
  const children = directories.get(path);
  directories.delete(path);
  if (children !== undefined) {
    for (const file of [...children.files.keys()].sort())
      sink.file(baseName(file), children.files.get(file)!);
    for (const directory of [...children.directories.keys()].sort()) {
      writeDirectory(sink, directories, directory, children.directories.get(directory)!);
    }
  }
  sink.leaveDirectory();
}
