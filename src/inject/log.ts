import { appendFileSync } from 'node:fs';
import { oneLine } from '../errors/error.js';
import { type ByteString, toBuffer } from '../system/bytes.js';
import type { Log, LogLevel } from './types.js';

/** A log file, in runc's format `text` or `json`. */
export interface LogTarget {
  file: ByteString;
  format: 'text' | 'json';
  /** the lowest level to write */
  level: LogLevel;
}

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** The names of the levels in logrus, which runc and the engines use. */
const names: Readonly<Record<LogLevel, string>> = {
  debug: 'debug',
  info: 'info',
  warn: 'warning',
  error: 'error',
};

/**
 * Creates a log that writes to files in runc's format: engines look there for the reason of a failure.
 *
 * @param complain called once for each file that cannot be written, which is not an error
 */
export function createLog(
  targets: readonly LogTarget[],
  complain: (target: LogTarget, error: unknown) => void,
): Log {
  const failed = new Set<LogTarget>();
  return (level, message) => {
    for (const target of targets) {
      if (failed.has(target) || order.indexOf(level) < order.indexOf(target.level)) continue;
      try {
        appendFileSync(toBuffer(target.file), formatLine(target.format, level, message));
      } catch (error) {
        failed.add(target);
        complain(target, error);
      }
    }
  };
}

function formatLine(format: LogTarget['format'], level: LogLevel, message: string): string {
  const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  if (format === 'json') return `${JSON.stringify({ level: names[level], msg: message, time })}\n`;
  return `time="${time}" level=${names[level]} msg=${JSON.stringify(oneLine(message))}\n`;
}
