import { writeSync } from 'node:fs';
import type { Logger } from 'layerhook';

/** Most verbose first; the names are those of logrus. */
export const levels = ['trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'] as const;
export type Level = (typeof levels)[number];

export interface LogOptions {
  level: Level;
  /** also to syslog(3) */
  syslog: boolean;
}

const ranks: Record<Level, number> = {
  ...{ trace: 0, debug: 1, info: 2, warn: 3, warning: 3, error: 4, fatal: 5, panic: 6 },
};

/**
 * Logs to stderr, one line per message, in the format of logrus: `time="…" level=info msg="…" name=value`.
 *
 * @param write writes to stderr
 */
export async function openLog({ level, syslog }: LogOptions, write = writeStderr): Promise<Logger> {
  const toSyslog = syslog ? await syslogWriter() : () => {};
  const at =
    (own: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) => {
      if (ranks[own] < ranks[level]) return;
      const name = own === 'warn' ? 'warning' : own;
      const text = [`level=${name}`, `msg=${quote(message)}`, ...pairs(fields)].join(' ');
      write(`time=${quote(new Date().toISOString())} ${text}\n`);
      toSyslog(own, text);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

async function syslogWriter() {
  const { openSyslog, SYSLOG } = await import('layerhook/system');
  const priorities = { debug: SYSLOG.debug, info: SYSLOG.info, warn: SYSLOG.warning, error: SYSLOG.err };
  const write = openSyslog('archive_overlay');
  return (level: keyof typeof priorities, text: string) => write(priorities[level], text);
}

function pairs(fields: object): string[] {
  return Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${name}=${/^[\w./:@+-]+$/.test(text) ? text : quote(text)}`;
  });
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** Writes to stderr; text that cannot be written is lost. */
export function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // stderr is closed
  }
}
