/** A stream to which lines are written while some lines stay at its bottom. */
export interface Screen {
  /** Writes text that ends with a newline, above the lines that stay. */
  write(text: string): void;
  /** Takes the lines that stay out of the way while something else writes to the same terminal. */
  aside(write: () => void): void;
  /** Replaces the lines that stay; none removes them. */
  stay(lines: readonly string[]): void;
}

/** The lines that stay need a terminal: elsewhere `stay` must not be called. */
export function createScreen(stream: { write(text: string): unknown }): Screen {
  let shown: readonly string[] = [];
  const erase = () => (shown.length === 0 ? '' : `\u001b[${shown.length}A\r\u001b[J`);
  const draw = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
  return {
    write(text) {
      stream.write(erase() + text + draw(shown));
    },
    aside(write) {
      if (shown.length > 0) stream.write(erase());
      write();
      if (shown.length > 0) stream.write(draw(shown));
    },
    stay(lines) {
      if (lines.length === 0 && shown.length === 0) return;
      stream.write(erase() + draw(lines));
      shown = lines;
    },
  };
}
