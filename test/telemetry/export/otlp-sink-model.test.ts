import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import { OtlpSink } from '../../../src/telemetry/export/otlp-sink';
import { randomNumbers } from './random-spans';
import {
  brokenSpan,
  expectBalance,
  exportConfig,
  idOf,
  ManualTimers,
  makeSpan,
  ScriptedSender,
  type SentRequest,
  settle,
  tempFolder,
} from './sinks';

const folders: ReturnType<typeof tempFolder>[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

/** A sink, and what must be true of it whatever happens. */
class Model {
  readonly timers = new ManualTimers();
  readonly sender = new ScriptedSender();
  readonly arrived = new Set<string>();
  /** Spans that the collector refuses. */
  readonly bad = new Set<string>();
  private readonly random: () => number;
  private readonly directory: string;
  /** With few, some pieces do not fit at all. */
  private readonly spoolBytes: number;
  private sink: OtlpSink;
  /** Of the sink that is there now. */
  private made = 0;
  private taken = 0;
  /** Of all sinks. */
  accepted = 0;
  dropped = 0;

  constructor(
    seed: number,
    private readonly hasSpool: boolean,
  ) {
    this.random = randomNumbers(seed);
    this.spoolBytes = seed % 2 === 0 ? 60_000 : 5000;
    const folder = tempFolder();
    folders.push(folder);
    this.directory = folder.path;
    this.sink = this.start();
  }

  async step(): Promise<void> {
    const dice = this.below(100);
    if (dice < 40) this.accept();
    else if (dice < 75) await this.answer();
    else if (dice < 90) await this.timers.advance(this.below(3000));
    else if (dice < 93) void this.sink.flush(this.below(2000));
    else if (dice < 97) await settle();
    else await this.restart();
    this.check();
  }

  /** Everything that is left arrives. */
  async finish(): Promise<void> {
    // Also what no process has looked for yet.
    await this.restart();
    for (let round = 0; round < 500 && this.left > 0; round++) {
      for (const request of this.sender.waiting) {
        const isBad = request.ids.some((id) => this.bad.has(id));
        if (isBad) await request.refuse();
        else await this.acceptRequest(request, 0);
        this.check();
      }
      await this.timers.advance(1000);
    }
    expect(this.left).toBe(0);
    await this.end();
    expect(this.timers.count).toBe(0);
    expect(this.arrived.size + this.dropped).toBe(this.accepted);
  }

  private get left(): number {
    return this.sink.status.queued + this.sink.status.spooled;
  }

  private start(): OtlpSink {
    const spool = { directory: this.directory, maxBytes: this.spoolBytes, maxAgeMs: 20_000 };
    return new OtlpSink({
      encoder: new OtlpProtobufEncoder(),
      sender: this.sender,
      config: {
        ...exportConfig,
        maxQueueBytes: 20_000,
        maxBatchBytes: 4000,
        ...(this.hasSpool && { spool }),
      },
      endpoint: 'http://collector.example:4318/v1/traces',
      // The constructor may have something to say before there is a sink.
      onProblem: () => this.sink && expectBalance(this.sink.status),
      timers: this.timers,
      random: this.random,
    });
  }

  private accept(): void {
    const spans = Array.from({ length: this.below(25) }, () => {
      if (this.below(50) === 0) return brokenSpan();
      const span = makeSpan({ text: 'x'.repeat(this.below(this.below(20) === 0 ? 5000 : 300)) });
      if (this.below(60) === 0) this.bad.add(idOf(span));
      return span;
    });
    this.sink.accept(spans);
    this.made += spans.length;
    this.accepted += spans.length;
  }

  private async answer(): Promise<void> {
    const { waiting } = this.sender;
    const request = waiting[this.below(waiting.length)];
    if (!request) return;
    if (request.ids.some((id) => this.bad.has(id))) return request.refuse();
    const dice = this.below(10);
    if (dice < 5) await this.acceptRequest(request, 0);
    else if (dice === 5) await this.acceptRequest(request, this.below(request.ids.length + 1));
    else if (dice === 6) await request.fail('429', this.below(4000));
    else if (dice === 7) await request.refuse();
    else await request.fail();
  }

  private async acceptRequest(request: SentRequest, rejected: number): Promise<void> {
    // A sink that is closed has given up on it.
    if (!request.signal.aborted) {
      for (const id of request.ids.slice(rejected)) {
        expect(this.arrived).not.toContain(id);
        this.arrived.add(id);
        this.taken++;
      }
    }
    await request.accept(rejected);
  }

  private async end(): Promise<void> {
    const before = this.sink.status;
    const ended = this.sink.shutdown(2000);
    while (this.below(3) > 0) await this.answer();
    await this.timers.advance(2000);
    await ended;
    this.check();
    const { queued, made, exported, spooled, dropped } = this.sink.status;
    expect(queued).toBe(0);
    expect(made).toBe(before.made);
    if (this.hasSpool && this.spoolBytes > 5000) expect(dropped.shutdown).toBe(0);
    this.dropped += made - exported - spooled;
    for (const request of this.sender.waiting) await request.fail();
  }

  private async restart(): Promise<void> {
    await this.end();
    const left = this.sink.status.spooled;
    this.sink = this.start();
    expect(this.sink.status.spooled).toBe(left);
    this.made = left;
    this.taken = 0;
    await settle();
  }

  private check(): void {
    expectBalance(this.sink.status);
    expect(this.sink.status.made).toBe(this.made);
    expect(this.sink.status.queuedBytes).toBeLessThanOrEqual(20_000 + 4000);
    expect(this.sink.status.spooledBytes).toBeLessThanOrEqual(this.spoolBytes);
  }

  get counted(): { readonly exported: number; readonly taken: number } {
    return { exported: this.sink.status.exported, taken: this.taken };
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }
}

describe.each([
  ['memory', false],
  ['memory and disk', true],
])('with %s', (_, hasSpool) => {
  test.each(Array.from({ length: 25 }, (_, i) => i + 1))(
    'whatever happens, each span arrives once or is counted as dropped (seed %i)',
    async (seed) => {
      const model = new Model(seed, hasSpool);
      for (let i = 0; i < 200; i++) {
        await model.step();
        expect(model.counted.exported).toBe(model.counted.taken);
      }
      await model.finish();
      expect(model.arrived.size).toBeGreaterThan(0);
    },
  );
});
