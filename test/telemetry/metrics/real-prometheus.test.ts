import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { emptyResource } from '@opentelemetry/resources';
import { GuideMetrics } from '../../../src/telemetry/metrics/guide-metrics';
import { type MetricsRuntime, startMetrics } from '../../../src/telemetry/metrics/metrics-runtime';
import { metricsConfig } from './config';

/** To start Prometheus and have it scrape twice. */
const PATIENCE_MS = 60_000;

const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const withPrometheus = hasPrometheus ? describe : describe.skip;

withPrometheus('a real Prometheus', () => {
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  let folder: string;
  let prometheus: ChildProcess;
  let origin: string;
  let runtime: MetricsRuntime;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spanwright-prometheus-'));
    runtime = startMetrics(
      metricsConfig([{ type: 'prometheus', host: '127.0.0.1', port: 0 }]),
      emptyResource(),
      () => {},
    );
    const metrics = new GuideMetrics(runtime.registry);
    metrics.registerTool('analyze');
    const target = new URL((await runtime.ownUrl) as string).host;
    const config = join(folder, 'prometheus.yml');
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: '200ms', scrape_timeout: '200ms' },
        scrape_configs: [{ job_name: 'container-kit', static_configs: [{ targets: [target] }] }],
      }),
    );
    prometheus = spawn(
      'prometheus',
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
        '--enable-feature=exemplar-storage',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const lines = createInterface({ input: prometheus.stderr as NodeJS.ReadableStream });
    // Read to the end: a program whose standard error is closed is ended by its next message.
    const address = await new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const found = /"Listening on" address=(\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    origin = `http://${address}`;
    // After the first scrape, which has the series at zero, so that there is something to see a rate of.
    await until(async () => (await query('tool_execution_total')).length > 0);
    metrics.recordToolExecution('analyze', 0.0002, undefined, span);
    metrics.recordToolExecution('analyze', 0.0002, 'refused');
    await until(async () => (await query('tool_execution_total'))[0]?.value[1] === '2');
  }, PATIENCE_MS);

  afterAll(async () => {
    await runtime.shutdown(1000);
    prometheus.kill('SIGKILL');
    await once(prometheus, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  interface Found {
    readonly metric: Record<string, string>;
    readonly value: [number, string];
  }

  async function ask(path: string, parameters: Record<string, string>): Promise<unknown> {
    const answer = await fetch(`${origin}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    return ((await answer.json()) as { data: unknown }).data;
  }

  async function query(text: string): Promise<Found[]> {
    return ((await ask('query', { query: text })) as { result: Found[] }).result;
  }

  /** Prometheus scrapes when it likes, and can only be asked whether it has. */
  async function until(isTrue: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < PATIENCE_MS / 50; tries++) {
      if (await isTrue().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('Prometheus did not get there');
  }

  test('takes the answer whole', async () => {
    const { activeTargets } = (await ask('targets', { state: 'active' })) as { activeTargets: object[] };
    expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }]);
  });

  test('answers the guide’s queries as they are written', async () => {
    expect(await query('rate(tool_errors_total[5m]) / rate(tool_execution_total[5m])')).toMatchObject([
      { metric: { tool_name: 'analyze' }, value: [expect.any(Number), '0.5'] },
    ]);
    const p95 = 'histogram_quantile(0.95, rate(tool_execution_duration_seconds_bucket[5m]))';
    const [found] = await query(p95);
    expect(Number(found?.value[1])).toBeGreaterThan(0.0001);
    expect(Number(found?.value[1])).toBeLessThanOrEqual(0.0002);
    expect(await query(`${p95} > 0.0003`)).toEqual([]);
    expect(await query('system_memory_usage_bytes / 1024 / 1024 / 1024 > 0')).toHaveLength(1);
  });

  test('keeps exemplars, with the trace that they came from', async () => {
    const found = await ask('query_exemplars', {
      query: 'tool_execution_duration_seconds_bucket',
      start: String(Date.now() / 1000 - 600),
      end: String(Date.now() / 1000 + 600),
    });
    expect(found).toMatchObject([
      { exemplars: [{ labels: { trace_id: span.traceId, span_id: span.spanId }, value: '0.0002' }] },
    ]);
  });
});
