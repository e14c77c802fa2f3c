import { DiagLogLevel } from '@opentelemetry/api';
import pino from 'pino';
import {
  diagnosticLevel,
  levelOfNest,
  levelOfPino,
  nestLevels,
  severityOf,
} from '../../../src/telemetry/logs/log-levels';

const ROWS = [
  ['fatal', 'fatal', DiagLogLevel.ERROR, 21],
  ['error', 'error', DiagLogLevel.ERROR, 17],
  ['warn', 'warn', DiagLogLevel.WARN, 13],
  ['info', 'log', DiagLogLevel.INFO, 9],
  ['debug', 'debug', DiagLogLevel.DEBUG, 5],
  ['trace', 'verbose', DiagLogLevel.VERBOSE, 1],
] as const;

test.each(ROWS)('%s is %s to Nest, %i to the diagnostics and %i in a record', (level, nest, diagnostic, severity) => {
  expect(nestLevels(level).at(-1)).toBe(nest);
  expect(levelOfNest(nest)).toBe(level);
  expect(diagnosticLevel(level)).toBe(diagnostic);
  expect(severityOf(level)).toEqual({ severityNumber: severity, severityText: level.toUpperCase() });
  expect(levelOfPino(level)).toBe(level);
  expect(levelOfPino(pino.levels.values[level])).toBe(level);
});

test('a level lets through all that are more important', () => {
  expect(nestLevels('info')).toEqual(['fatal', 'error', 'warn', 'log']);
  expect(nestLevels('trace')).toHaveLength(6);
});

test('silent says nothing', () => {
  expect(nestLevels('silent')).toEqual([]);
  expect(diagnosticLevel('silent')).toBe(DiagLogLevel.NONE);
});

test.each([
  [35, 'info'],
  [59, 'error'],
  [99, 'fatal'],
  [5, 'trace'],
  ['WARN', 'warn'],
  ['notice', 'info'],
  [undefined, 'info'],
])("pino's level %p counts as %s", (pinoLevel, level) => {
  expect(levelOfPino(pinoLevel)).toBe(level);
});
