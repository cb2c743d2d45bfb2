export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** The global options, checked. */
export interface Settings {
  level: LogLevel;
  format: 'text' | 'json';
  quiet: boolean;
  /** show stacks */
  debug: boolean;
  color: boolean;
  hooksFile: string | undefined;
}
