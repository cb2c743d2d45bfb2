const maxBytes = 256;
const bytesPerLine = 16;

/** Formats the first 256 bytes as xxd(1) does. The first line gives the name and the number of bytes. */
export function hexDump(name: string, bytes: Buffer): string[] {
  const lines = [`${name}: (${bytes.length} bytes)`];
  for (let at = 0; at < Math.min(bytes.length, maxBytes); at += bytesPerLine) {
    const row = bytes.subarray(at, Math.min(at + bytesPerLine, maxBytes));
    const pairs = row
      .toString('hex')
      .match(/.{1,4}/g)!
      .join(' ')
      .padEnd(bytesPerLine * 2.5 - 1);
    const text = row.toString('latin1').replace(/[^ -~]/g, '.');
    lines.push(`\t${at.toString(16).padStart(4, '0')}: ${pairs}  ${text}`);
  }
  if (bytes.length > maxBytes) lines.push(`\t....  (extra ${bytes.length - maxBytes} bytes omitted)`);
  return lines;
}
