import { type DiagLogger, diag } from '@opentelemetry/api';
import type { LogLevel } from '../../config/telemetry-config';
import { count, printable } from '../../util/words';
import { createRedactor } from '../privacy/redactor';
import { diagnosticLevel, type SpokenLevel } from './log-levels';

const QUIET_MS = 60_000;
const MAX_REMEMBERED = 256;
const MAX_LENGTH = 1000;

/** OpenTelemetry's own diagnostics, while they are ours to show. */
export interface Diagnostics {
  /** Says what was repeated since it was said, and lets go of the diagnostics. */
  stop(): void;
}

/**
 * Shows what OpenTelemetry says of itself: a line for each message, without secrets, and the same message at most once a minute, with
 * how often it came in between. Messages that differ only in numbers and ids are the same. A logger that the application sets later
 * stays when this one stops.
 *
 * @param level least level; `silent` shows nothing
 * @param write gets whole lines; not standard output, which belongs to the application
 * @param now milliseconds, on a clock that only goes forward
 */
export function startDiagnostics(
  level: LogLevel,
  write: (line: string) => void = (line) => void process.stderr.write(line),
  now: () => number = () => performance.now(),
): Diagnostics {
  if (level === 'silent') return { stop: () => {} };
  const logger = new QuietDiagLogger(write, now);
  diag.setLogger(logger, { logLevel: diagnosticLevel(level), suppressOverrideMessage: true });
  return { stop: () => logger.stop() };
}

interface Said {
  readonly line: string;
  readonly at: number;
  repeated: number;
}

class QuietDiagLogger implements DiagLogger {
  /** The oldest first. */
  private readonly said = new Map<string, Said>();
  private readonly redactor = createRedactor({ enabled: true, allow: [], deny: [] });
  private state: 'showing' | 'asked' | 'answered' | 'stopped' = 'showing';

  constructor(
    private readonly write: (line: string) => void,
    private readonly now: () => number,
  ) {}

  error(...words: unknown[]): void {
    this.say('error', words);
  }

  warn(...words: unknown[]): void {
    this.say('warn', words);
  }

  info(...words: unknown[]): void {
    this.say('info', words);
  }

  debug(...words: unknown[]): void {
    this.say('debug', words);
  }

  verbose(...words: unknown[]): void {
    this.say('trace', words);
  }

  stop(): void {
    if (this.state !== 'showing') return;
    for (const said of this.said.values()) this.attempt(() => this.sayRepeated(said));
    // The API does not tell whose logger it has; but it passes on an error, whatever the level.
    this.state = 'asked';
    diag.error('');
    if ((this.state as string) === 'answered') diag.disable();
    this.state = 'stopped';
  }

  private say(level: SpokenLevel, words: readonly unknown[]): void {
    if (this.state === 'asked') this.state = 'answered';
    // Nothing at all is what the logger of another application is asked with.
    if (this.state !== 'showing' || words.every((word) => word === '')) return;
    this.attempt(() => this.sayOnce(`telemetry: ${level}: ${this.redactor.text(oneLine(words))}`));
  }

  /** Words that cannot be printed, or a stream that is closed: there is nobody left to be told. */
  private attempt(speak: () => void): void {
    try {
      speak();
    } catch {}
  }

  private sayOnce(line: string): void {
    const key = line.replaceAll(/[0-9a-f]{16,32}|\d+/g, '#');
    const before = this.said.get(key);
    const at = this.now();
    if (before && at - before.at < QUIET_MS) {
      before.repeated++;
      return;
    }
    if (before) this.sayRepeated(before);
    this.said.delete(key);
    for (const [oldest, said] of this.said) {
      if (this.said.size < MAX_REMEMBERED) break;
      this.sayRepeated(said);
      this.said.delete(oldest);
    }
    this.said.set(key, { line, at, repeated: 0 });
    this.write(`${line}\n`);
  }

  private sayRepeated({ line, repeated }: Said): void {
    if (repeated > 0) this.write(`${line} (${count(repeated, 'more time')})\n`);
  }
}

function oneLine(words: readonly unknown[]): string {
  const text = printable(words.map(wordOf).join(' ').replaceAll(/\s+/g, ' ')).trim();
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

/** The SDK hands over an error as JSON, with its stack; its message is enough. */
function wordOf(word: unknown): string {
  if (word instanceof Error) return `${word.name}: ${word.message}`;
  if (typeof word === 'object' && word !== null) return JSON.stringify(word);
  const text = String(word);
  if (!text.startsWith('{')) return text;
  try {
    const { name, message } = JSON.parse(text);
    return typeof message === 'string' ? `${typeof name === 'string' ? name : 'Error'}: ${message}` : text;
  } catch {
    return text;
  }
}
