export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** The validated global options. */
export interface Settings {
  level: LogLevel;
  format: 'text' | 'json';
  quiet: boolean;
  /** True if errors are shown with their stacks. */
  debug: boolean;
  color: boolean;
  hooksFile: string | undefined;
  /** the file of a CPU profile */
  cpuProfile: string | undefined;
}
