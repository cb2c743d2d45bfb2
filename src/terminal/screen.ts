/** An output stream with lines that stay at its bottom. */
export interface Screen {
  /** Writes text, which must end with a newline, above the bottom lines. */
  write(text: string): void;
  /** Erases the bottom lines, calls `write`, which may write to the same terminal, and draws them again. */
  aside(write: () => void): void;
  /** Replaces the bottom lines. An empty list removes them. */
  stay(lines: readonly string[]): void;
}

/** Creates a screen. Only a terminal can have bottom lines: do not call `stay` otherwise. */
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
