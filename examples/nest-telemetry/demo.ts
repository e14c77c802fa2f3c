import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { TelemetryService } from 'spanwright';

interface WrittenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status: { readonly code?: number };
}

/** Makes a few requests, ends the application, and prints what they left: the trace, some metrics, the health of telemetry. */
export async function demonstrate(app: INestApplication): Promise<void> {
  const url = await app.getUrl();
  const telemetry = app.get(TelemetryService);
  const order = (id: string, items: readonly string[]) =>
    fetch(`${url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, items }),
    });

  const traceId = await telemetry.tracing.within('demo', {}, async () => {
    await order('a', ['tea', 'cake']);
    await order('b', ['cake']);
    await fetch(`${url}/orders/a`);
    return telemetry.traceId;
  });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const health = (await (await fetch(`${url}/health/telemetry`)).json()) as { status: string };
  await app.close();

  printTrace(readSpans().filter((span) => span.traceId === traceId));
  for (const line of metrics.split('\n')) if (/^(orders|http_requests)_total/.test(line)) console.log(line);
  console.log(`telemetry is ${health.status}`);
}

/** The OTLP file format: each line is an export request in JSON. */
function readSpans(): WrittenSpan[] {
  const lines = readFileSync(join(__dirname, 'spans.otlp.jsonl'), 'utf8').trim().split('\n');
  return lines.flatMap((line) =>
    JSON.parse(line).resourceSpans.flatMap((resource: { scopeSpans: { spans: WrittenSpan[] }[] }) =>
      resource.scopeSpans.flatMap(({ spans }) => spans),
    ),
  );
}

function printTrace(spans: readonly WrittenSpan[], parent = '', indent = ''): void {
  for (const { name, spanId, status } of spans.filter((span) => (span.parentSpanId ?? '') === parent)) {
    console.log(`${indent}${name}${status.code === 2 ? ' (error)' : ''}`);
    printTrace(spans, spanId, `${indent}  `);
  }
}
