import { closeSync, openSync, writeSync } from 'node:fs';
import { describeSystemError, UserError } from './user-error';
import { printable } from './words';

export type LogLevel = 'panic' | 'fatal' | 'error' | 'warning' | 'info' | 'debug' | 'trace';

export const LOG_LEVELS: readonly LogLevel[] = ['panic', 'fatal', 'error', 'warning', 'info', 'debug', 'trace'];

const COLORS: Readonly<Record<LogLevel, number>> = {
  panic: 31,
  fatal: 31,
  error: 31,
  warning: 33,
  info: 36,
  debug: 37,
  trace: 37,
};

export interface ToolkitLoggerOptions {
  /** Name of the program, in each line. */
  readonly name: string;
  /** The least important level that reaches stderr. Default: `info`. */
  readonly level?: LogLevel;
  /** Gets everything up to `debug`, or to `level` if that is more. Default: no file. */
  readonly file?: string;
  /** Default: where stderr is a terminal and `NO_COLOR` is not set. */
  readonly color?: boolean;
  readonly write?: (text: string) => void;
}

/** Log lines as the toolkit prints them: `INFO[0012][scheduler] …` on stderr, `time="…" level=info msg="…"` in a file. */
export class ToolkitLogger {
  private readonly startedAt = performance.now();
  private readonly fd: number | undefined;
  private readonly levels: { readonly stderr: number; readonly file: number };
  private readonly write: (text: string) => void;

  /** @throws UserError when the file cannot be made */
  constructor(private readonly options: ToolkitLoggerOptions) {
    this.write = options.write ?? ((text) => process.stderr.write(text));
    const stderr = LOG_LEVELS.indexOf(options.level ?? 'info');
    this.levels = { stderr, file: Math.max(stderr, LOG_LEVELS.indexOf('debug')) };
    if (!options.file) return;
    try {
      this.fd = openSync(options.file, 'w');
    } catch (error) {
      throw new UserError(`cannot write the log file ${options.file}: ${describeSystemError(error)}`);
    }
  }

  error(message: string): void {
    this.log('error', message);
  }

  warn(message: string): void {
    this.log('warning', message);
  }

  info(message: string): void {
    this.log('info', message);
  }

  debug(message: string): void {
    this.log('debug', message);
  }

  log(level: LogLevel, message: string): void {
    const rank = LOG_LEVELS.indexOf(level);
    const shown = message.split('\n').map(printable).join('\n');
    if (rank <= this.levels.stderr) this.write(this.line(level, shown));
    if (this.fd !== undefined && rank <= this.levels.file) {
      try {
        writeSync(this.fd, `time="${new Date().toISOString()}" level=${level} msg=${JSON.stringify(message)}\n`);
      } catch {
        // A full disk must not stop the build; stderr has the line.
      }
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
  }

  private line(level: LogLevel, message: string): string {
    const seconds = String(Math.floor((performance.now() - this.startedAt) / 1000)).padStart(4, '0');
    const short = level.toUpperCase().slice(0, 4);
    const color = this.options.color ?? false;
    const head = color ? `\u001b[${COLORS[level]}m${short}\u001b[0m` : short;
    return `${head}[${seconds}][${this.options.name}] ${message}\n`;
  }
}
