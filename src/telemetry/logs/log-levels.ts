import { DiagLogLevel } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import type { LogLevel } from '../../config/telemetry-config';

/** A level at which something can be said. */
export type SpokenLevel = Exclude<LogLevel, 'silent'>;

/** Nest's levels, most important first. */
export type NestLogLevel = 'fatal' | 'error' | 'warn' | 'log' | 'debug' | 'verbose';

interface LevelRow {
  readonly level: SpokenLevel;
  readonly nest: NestLogLevel;
  readonly pino: number;
  readonly severityNumber: SeverityNumber;
  readonly diagnostic: DiagLogLevel;
}

/** Most important first. OpenTelemetry's diagnostics have no fatal. */
const LEVELS: readonly LevelRow[] = [
  { level: 'fatal', nest: 'fatal', pino: 60, severityNumber: SeverityNumber.FATAL, diagnostic: DiagLogLevel.ERROR },
  { level: 'error', nest: 'error', pino: 50, severityNumber: SeverityNumber.ERROR, diagnostic: DiagLogLevel.ERROR },
  { level: 'warn', nest: 'warn', pino: 40, severityNumber: SeverityNumber.WARN, diagnostic: DiagLogLevel.WARN },
  { level: 'info', nest: 'log', pino: 30, severityNumber: SeverityNumber.INFO, diagnostic: DiagLogLevel.INFO },
  { level: 'debug', nest: 'debug', pino: 20, severityNumber: SeverityNumber.DEBUG, diagnostic: DiagLogLevel.DEBUG },
  { level: 'trace', nest: 'verbose', pino: 10, severityNumber: SeverityNumber.TRACE, diagnostic: DiagLogLevel.VERBOSE },
];

/** The levels that Nest's logger is to write where `level` is the least; none for `silent`. */
export function nestLevels(level: LogLevel): NestLogLevel[] {
  return LEVELS.slice(0, LEVELS.findIndex((row) => row.level === level) + 1).map(({ nest }) => nest);
}

export function levelOfNest(nest: NestLogLevel): SpokenLevel {
  return LEVELS.find((row) => row.nest === nest)?.level ?? 'info';
}

/** A level of pino, by number or by name; one of the user's own counts as the level below it. */
export function levelOfPino(pino: unknown): SpokenLevel {
  if (typeof pino === 'string') return LEVELS.find((row) => row.level === pino.toLowerCase())?.level ?? 'info';
  if (typeof pino !== 'number') return 'info';
  return LEVELS.find((row) => pino >= row.pino)?.level ?? 'trace';
}

export function diagnosticLevel(level: LogLevel): DiagLogLevel {
  return LEVELS.find((row) => row.level === level)?.diagnostic ?? DiagLogLevel.NONE;
}

/** What a log record says of its level. */
export function severityOf(level: SpokenLevel): { severityNumber: SeverityNumber; severityText: string } {
  const severityNumber = LEVELS.find((row) => row.level === level)?.severityNumber ?? SeverityNumber.UNSPECIFIED;
  return { severityNumber, severityText: level.toUpperCase() };
}
