import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileSink } from '../../../src/telemetry/export/file-sink';
import { UserError } from '../../../src/util/user-error';
import { readOtlpFile } from '../../support/otlp-collector';
import { brokenSpan, countsOf, expectBalance, idOf, makeSpans, tempFolder } from './sinks';

let folder: ReturnType<typeof tempFolder>;
let path: string;
let problems: string[];
const sinks: FileSink[] = [];

beforeEach(() => {
  folder = tempFolder();
  path = join(folder.path, 'spans.jsonl');
  problems = [];
});

afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.shutdown();
  folder.remove();
});

function makeSink(over: { readonly path?: string; readonly overwrite?: boolean } = {}): FileSink {
  const sink = new FileSink({ path, onProblem: (message) => problems.push(message), ...over });
  sinks.push(sink);
  return sink;
}

const idsIn = (file: string) => readOtlpFile(file).map(({ spanId }) => spanId);

test('spans are in the file when they are accepted, a request on each line', () => {
  const sink = makeSink();
  const spans = makeSpans(300);
  sink.accept(spans.slice(0, 3));
  expect(idsIn(path)).toEqual(spans.slice(0, 3).map(idOf));
  sink.accept(spans.slice(3));
  expect(idsIn(path)).toEqual(spans.map(idOf));
  expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(3);
  expect(countsOf(sink.status)).toEqual({ made: 300, exported: 300 });
  expect(sink.status).toMatchObject({ exporter: 'file', healthy: true });
});

test('what was in the file stays, unless it is to be overwritten', async () => {
  const [first, second, third] = [makeSpans(1), makeSpans(1), makeSpans(1)];
  makeSink().accept(first);
  makeSink().accept(second);
  expect(idsIn(path)).toEqual([...first, ...second].map(idOf));
  makeSink({ overwrite: true }).accept(third);
  expect(idsIn(path)).toEqual(third.map(idOf));
});

test('a line that a killed process left unfinished does not spoil the next', () => {
  makeSink().accept(makeSpans(1));
  appendFileSync(path, '{"resourceSpans":[{"res');
  const spans = makeSpans(2);
  makeSink().accept(spans);
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[2] as string).resourceSpans[0].scopeSpans[0].spans).toHaveLength(2);
});

test('a span that cannot be encoded takes no other along', () => {
  const sink = makeSink();
  const good = makeSpans(4);
  sink.accept([...good.slice(0, 1), brokenSpan(), ...good.slice(1)]);
  expect(idsIn(path)).toEqual(good.map(idOf));
  expect(countsOf(sink.status)).toEqual({ made: 5, exported: 4, unreadable: 1 });
});

test('after shutdown spans are counted, and the file is closed', async () => {
  const sink = makeSink();
  await sink.shutdown();
  await sink.shutdown();
  await sink.flush();
  sink.accept(makeSpans(2));
  expect(countsOf(sink.status)).toEqual({ made: 2, shutdown: 2 });
  expect(readFileSync(path, 'utf8')).toBe('');
});

test('a file that cannot be made is the user’s to mend', () => {
  const make = () => makeSink({ path: join(folder.path, 'nowhere', 'spans.jsonl') });
  expect(make).toThrow(UserError);
  expect(make).toThrow(/cannot write the spans file .*nowhere.*: no such file or directory/);
});

(existsSync('/dev/full') ? test : test.skip)('a full disk is said once, and its spans are counted', () => {
  const sink = makeSink({ path: '/dev/full' });
  sink.accept(makeSpans(3));
  sink.accept(makeSpans(2));
  expectBalance(sink.status);
  expect(countsOf(sink.status)).toEqual({ made: 5, rejected: 5 });
  expect(problems).toEqual(['cannot write to the spans file /dev/full: no space left on device; spans are dropped']);
  expect(sink.status).toMatchObject({ healthy: false, lastError: { message: 'no space left on device' } });
});

test('a named pipe can be written to', () => {
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  const sink = makeSink();
  const spans = makeSpans(2);
  sink.accept(spans);
  const reader = spawnSync('head', ['-n', '1', path], { encoding: 'utf8', timeout: 10_000 });
  expect(JSON.parse(reader.stdout).resourceSpans[0].scopeSpans[0].spans).toHaveLength(2);
});
