export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Divides a box into boxes whose areas are in the ratio of the sizes, each as square as possible.
 * Bruls, Huizing, van Wijk: Squarified Treemaps (2000).
 *
 * @param sizes positive, largest first
 */
export function squarify(sizes: readonly number[], box: Box): Box[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const areas = sizes.map((size) => (size / total) * box.width * box.height);
  const boxes: Box[] = [];
  let rest = { ...box };
  for (let at = 0; at < areas.length; ) {
    const side = Math.min(rest.width, rest.height);
    let [end, area] = [at + 1, areas[at]!];
    while (end < areas.length) {
      const larger = area + areas[end]!;
      if (worst(areas[at]!, areas[end]!, larger, side) > worst(areas[at]!, areas[end - 1]!, area, side))
        break;
      area = larger;
      end++;
    }
    rest = placeRow(areas.slice(at, end), area, rest, boxes);
    at = end;
  }
  return boxes;
}

/** Returns the ratio of the sides of the least square box of a row. */
function worst(largest: number, smallest: number, area: number, side: number): number {
  return Math.max((side * side * largest) / (area * area), (area * area) / (side * side * smallest));
}

/** Places a row of boxes along the shorter side of a box. @returns the rest of the box */
function placeRow(areas: readonly number[], area: number, { x, y, width, height }: Box, boxes: Box[]): Box {
  if (width >= height) {
    const thickness = height === 0 ? 0 : area / height;
    let at = y;
    for (const part of areas) {
      const length = thickness === 0 ? 0 : part / thickness;
      boxes.push({ x, y: at, width: thickness, height: length });
      at += length;
    }
    return { x: x + thickness, y, width: Math.max(0, width - thickness), height };
  }
  const thickness = area / width;
  let at = x;
  for (const part of areas) {
    const length = thickness === 0 ? 0 : part / thickness;
    boxes.push({ x: at, y, width: length, height: thickness });
    at += length;
  }
  return { x, y: y + thickness, width, height: Math.max(0, height - thickness) };
}
