import { oneLine } from '../../errors/error.js';
import type { Logger } from '../../system/logger.js';
import { painter } from '../../terminal/paint.js';
import type { Persona } from '../command.js';
import type { LogLevel, Settings } from '../settings.js';

type LogFields = Record<string, unknown>;

/** Writes one line of the log, without a check of the level. */
export type LogLine = (level: LogLevel, message: string, fields?: LogFields) => void;

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal'];

/**
 * Creates the library's logger for the command line. It writes lines from `settings.level` up to stderr, as text in the
 * style of the persona, or as one JSON object per line. `DEBUG=layerhook:*` adds its own lines.
 */
export async function createLogger(
  settings: Settings,
  persona: Persona,
  write: (text: string) => void,
): Promise<Logger> {
  const line = logLine(settings, persona, write);
  const trace = process.env.DEBUG?.includes('layerhook') ? await createTrace() : undefined;
  const least = order.indexOf(settings.level);
  const text = settings.format === 'json' ? String : oneLine;
  const at = (level: LogLevel & keyof Logger) => (message: string, fields?: LogFields) => {
    trace?.(level, message, fields);
    if (order.indexOf(level) >= least) line(level, text(message), fields);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Creates the writer of single lines. Errors use it too. */
export function logLine(
  settings: Pick<Settings, 'format' | 'color'>,
  persona: Persona,
  write: (text: string) => void,
): LogLine {
  const format = settings.format === 'json' ? formatJson : persona === 'umoci' ? formatApex : formatText;
  return (level, message, fields = {}) => write(`${format(level, message, fields, settings.color)}\n`);
}

type Format = (level: LogLevel, message: string, fields: LogFields, color: boolean) => string;

const formatJson: Format = (level, message, fields) =>
  JSON.stringify({ time: new Date().toISOString(), level, message, ...fields });

const names = { debug: 'debug: ', info: '', warn: 'warning: ', error: '', fatal: '' } as const;

const formatText: Format = (level, message, fields, color) => {
  const paint = painter(color);
  const name = level === 'warn' ? paint('yellow', names.warn) : names[level];
  const { hook, ...others } = fields;
  const speaker = typeof hook === 'string' ? paint('blue', `${shortHook(hook)}: `) : '';
  return `${paint(level === 'error' || level === 'fatal' ? 'red' : 'bold', 'layerhook:')} ${name}${speaker}${message}${fieldText(others)}`;
};

/** Returns the file name of a hook's program or module: `hooks.toml:1 exec /usr/libexec/tell` is `tell`. */
function shortHook(hook: string): string {
  return oneLine(hook.slice(hook.lastIndexOf('/') + 1));
}

/** The format of apex/log's cli handler, which umoci uses: tools may parse it. */
const formatApex: Format = (level, message, fields, color) => {
  const paint = painter(color);
  const severe = level === 'error' || level === 'fatal';
  const mark = severe ? '⨯' : '•';
  const style = severe ? 'red' : level === 'warn' ? 'yellow' : level === 'info' ? 'blue' : 'white';
  return paint(style, `${paint('bold', mark.padStart(4))} ${message.padEnd(25)}`) + fieldText(fields);
};

function fieldText(fields: LogFields): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? oneLine(value) : JSON.stringify(value)}`)
    .join('');
}

async function createTrace(): Promise<LogLine> {
  const { default: debug } = await import('debug');
  return (level, message, fields) => debug(`layerhook:${level}`)('%s %o', message, fields ?? {});
}
