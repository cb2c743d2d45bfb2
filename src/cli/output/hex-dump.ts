const MAX_BYTES = 256;
const BYTES_A_LINE = 16;

/** Bytes as xxd(1) shows them, the first 256 of them, below a line with their name and number. */
export function hexDump(name: string, bytes: Buffer): string[] {
  const lines = [`${name}: (${bytes.length} bytes)`];
  for (let at = 0; at < Math.min(bytes.length, MAX_BYTES); at += BYTES_A_LINE) {
    const row = bytes.subarray(at, Math.min(at + BYTES_A_LINE, MAX_BYTES));
    const pairs = row
      .toString('hex')
      .match(/.{1,4}/g)!
      .join(' ')
      .padEnd(BYTES_A_LINE * 2.5 - 1);
    const text = row.toString('latin1').replace(/[^ -~]/g, '.');
    lines.push(`\t${at.toString(16).padStart(4, '0')}: ${pairs}  ${text}`);
  }
  if (bytes.length > MAX_BYTES) lines.push(`\t....  (extra ${bytes.length - MAX_BYTES} bytes omitted)`);
  return lines;
}
