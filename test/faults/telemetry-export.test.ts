import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExportConfig } from '../../src/config/telemetry-config';
import { createOtlpSink } from '../../src/telemetry/export/otlp-sink';
import type { SinkStatus } from '../../src/telemetry/export/span-sink';
import { makeTempDir, removeTempDir } from '../support/command';
import { OtlpCollector } from '../support/otlp-collector';
import { Line } from '../telemetry/export/line';
import { randomNumbers } from '../telemetry/export/random-spans';
import { targetOf } from '../telemetry/export/senders';
import { countsOf, expectBalance, filesIn, idOf, makeSpans, until } from '../telemetry/export/sinks';
import { mountSmallDisk } from './processes';

jest.setTimeout(60_000);

const BATCH_SPANS = 100;

let dir: string;
let spool: string;
let collector: OtlpCollector;
let line: Line;
const exporters: Exporter[] = [];

beforeEach(async () => {
  dir = makeTempDir();
  spool = join(dir, 'spool');
  collector = await OtlpCollector.start();
  line = await Line.to(collector.httpEndpoint);
});

afterEach(async () => {
  for (const exporter of exporters.splice(0)) await exporter.kill();
  await line.down();
  await collector.stop();
  await removeTempDir(dir);
});

const target = () => targetOf(`${line.endpoint}/v1/traces`);

function config(directory = spool): ExportConfig {
  return {
    maxQueueBytes: 1e8,
    maxBatchSpans: BATCH_SPANS,
    maxBatchBytes: 1e6,
    scheduleDelayMs: 10,
    shutdownTimeoutMs: 5000,
    initialBackoffMs: 5,
    maxBackoffMs: 20,
    spool: { directory, maxBytes: 1e8, maxAgeMs: 3_600_000 },
  };
}

/**
 * Makes as many spans as it is told, and tells their ids as soon as none of them is in memory any more; or tells the status
 * when everything is sent.
 */
const PROGRAM = `
  const { createOtlpSink } = require('./src/telemetry/export/otlp-sink.ts');
  const { idOf, makeSpans } = require('./test/telemetry/export/sinks.ts');
  const { target, config } = JSON.parse(process.argv[1]);
  const sink = createOtlpSink(target, config, () => {});
  process.on('message', async (count) => {
    if (count === 'flush') {
      await sink.flush(30_000);
      return process.send({ status: sink.status });
    }
    const spans = makeSpans(count);
    for (let at = 0; at < count; at += 50) sink.accept(spans.slice(at, at + 50));
    while (sink.status.queued > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    process.send({ ids: spans.map(idOf) });
  });
  process.send('ready');
`;

/** A process that exports spans. */
class Exporter {
  private readonly child: ChildProcess;

  private constructor() {
    const root = join(__dirname, '../..');
    const typescript = join(root, 'test/telemetry/export/typescript.cjs');
    const args = ['--require', typescript, '--eval', PROGRAM, JSON.stringify({ target: target(), config: config() })];
    this.child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    exporters.push(this);
  }

  static async start(): Promise<Exporter> {
    const exporter = new Exporter();
    await once(exporter.child, 'message');
    return exporter;
  }

  /** @returns their ids, when they are on disk or with the collector */
  async make(count: number): Promise<string[]> {
    this.child.send(count);
    const [{ ids }] = (await once(this.child, 'message')) as [{ ids: string[] }];
    return ids;
  }

  /** Makes some and waits for nothing. */
  makeMore(count: number): void {
    this.child.send(count);
  }

  async flush(): Promise<SinkStatus> {
    this.child.send('flush');
    for (;;) {
      const [{ status }] = (await once(this.child, 'message')) as [{ status?: SinkStatus }];
      if (status) return status;
    }
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const isGone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await isGone;
  }
}

const arrived = () => collector.spans.map(({ spanId }) => spanId);

describe('kill -9 during an outage', () => {
  test('what was on disk arrives after the next start, each span once', async () => {
    const killed = await Exporter.start();
    const ids = await killed.make(3000);
    await killed.kill();
    expect(filesIn(spool)).not.toEqual([]);
    await line.up();
    const next = await Exporter.start();
    expect(countsOf(await next.flush())).toEqual({ made: 3000, exported: 3000 });
    expect(arrived().sort()).toEqual(ids.sort());
    expect(filesIn(spool)).toEqual([]);
  });

  test('of one of two processes is made good by a third; the other one keeps what is its own', async () => {
    const [killed, alive] = await Promise.all([Exporter.start(), Exporter.start()]);
    const [theirs, own] = await Promise.all([killed.make(500), alive.make(700)]);
    await killed.kill();
    const third = await Exporter.start();
    await line.up();
    const [ofThird, ofAlive] = await Promise.all([third.flush(), alive.flush()]);
    expect([ofThird.exported, ofAlive.exported]).toEqual([500, 700]);
    expect(arrived().sort()).toEqual([...theirs, ...own].sort());
  });

  test('again and again, at any moment: what was safe arrives, and hardly anything twice', async () => {
    const random = randomNumbers(7);
    const safe: string[] = [];
    const kills = 8;
    for (let round = 0; round < kills; round++) {
      const exporter = await Exporter.start();
      safe.push(...(await exporter.make(1 + Math.floor(random() * 1000))));
      if (round % 2 === 0) await line.up();
      exporter.makeMore(5000);
      await sleep(random() * 60);
      await exporter.kill();
      await line.down();
    }
    await line.up();
    const last = await Exporter.start();
    const status = await last.flush();
    expectBalance(status);
    expect(status).toMatchObject({ queued: 0, spooled: 0 });
    const unique = new Set(arrived());
    expect(safe.filter((id) => !unique.has(id))).toEqual([]);
    // What was with the collector when its process died, but not noted down.
    expect(arrived().length - unique.size).toBeLessThanOrEqual(kills * BATCH_SPANS);
    expect(filesIn(spool)).toEqual([]);
  });
});

const canMount = (() => {
  const probe = makeTempDir();
  const small = mountSmallDisk(probe, 'size=64k');
  small?.unmount();
  rmSync(probe, { recursive: true, force: true });
  return small !== undefined;
})();
const testWithDisk = (title: string, body: () => Promise<void>) =>
  canMount ? test(title, body) : test.skip(`${title} (skipped: no disk can be mounted here)`, body);

testWithDisk('a disk that fills up: the rest waits in memory, it is said once, and every span arrives', async () => {
  const disk = join(dir, 'disk');
  mkdirSync(disk);
  const mounted = mountSmallDisk(disk, 'size=512k');
  try {
    const problems: string[] = [];
    const sink = createOtlpSink(target(), config(join(disk, 'spool')), (message) => problems.push(message));
    const spans = makeSpans(5000, { text: 'x'.repeat(200) });
    for (let at = 0; at < spans.length; at += 50) sink.accept(spans.slice(at, at + 50));
    await until(() => problems.some((problem) => problem.includes('cannot write to the spool')));
    expectBalance(sink.status);
    expect(sink.status.spooled).toBeGreaterThan(0);
    expect(sink.status.queued).toBeGreaterThan(0);
    // Nothing is left of it, to the last byte.
    const { bfree, bsize } = statfsSync(disk);
    writeFileSync(join(disk, 'filler'), Buffer.alloc(bfree * bsize));
    await line.up();
    await sink.flush(30_000);
    expect(countsOf(sink.status)).toEqual({ made: 5000, exported: 5000 });
    expect(arrived().sort()).toEqual(spans.map(idOf).sort());
    expect(problems.filter((problem) => problem.includes('no space left on device'))).toHaveLength(1);
    await sink.shutdown(1000);
  } finally {
    mounted?.unmount();
  }
});
