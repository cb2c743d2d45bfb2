const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  white: [37, 39],
} as const;

type Style = keyof typeof codes;

/** Returns text in a style. */
export type Painter = (style: Style, text: string) => string;

/** Returns a painter that colors text, or returns it unchanged. */
export function painter(color: boolean): Painter {
  return (style, text) => {
    const [on, off] = codes[style];
    return color ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  };
}
