import { MemorySink } from '../../../src/telemetry/export/memory-sink';
import { countsOf, makeSpans } from './sinks';

test('keeps spans in their order until it is reset', async () => {
  const sink = new MemorySink();
  const spans = makeSpans(5);
  sink.accept(spans.slice(0, 2));
  sink.accept(spans.slice(2));
  await sink.flush();
  expect(sink.spans).toEqual(spans);
  sink.reset();
  expect(sink.spans).toEqual([]);
  expect(countsOf(sink.status)).toEqual({ made: 5, exported: 5 });
});

test('what was kept can be looked at after shutdown; what comes then is only counted', async () => {
  const sink = new MemorySink();
  sink.accept(makeSpans(2));
  await sink.shutdown();
  await sink.shutdown();
  sink.accept(makeSpans(3));
  expect(sink.spans).toHaveLength(2);
  expect(countsOf(sink.status)).toEqual({ made: 5, exported: 2, shutdown: 3 });
});
