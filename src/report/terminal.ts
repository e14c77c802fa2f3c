import type { BuildEvent } from '../scheduler/events';
import { describeFailure, failureTail } from '../scheduler/failure';
import { formatDuration } from '../util/duration';
import { count, printable } from '../util/words';
import { durationOf } from './analysis';
import { type Paint, paint } from './paint';
import { type JobView, jobName, type RunView } from './run-view';

/** Shows a run to a person while it goes on. */
export interface Display {
  onEvent(event: BuildEvent, view: RunView): void;
  /** Removes what is redrawn, so that other text may follow. */
  stop(): void;
}

export interface DisplayOptions {
  readonly stream: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
  readonly color: boolean;
  /** Milliseconds by the run's clock. */
  readonly now: () => number;
  /** Say for each job why it is built or not. */
  readonly explain: boolean;
}

const ESCAPE = '\u001b';
const COLOR_OR_CHARACTER = new RegExp(`${ESCAPE}\\[[0-9;]*m|.`, 'gsu');
const REDRAW_MS = 100;
const BAR_WIDTH = 24;
const MOST_RUNNING = 8;

/** A line for each thing that happens: for logs and pipes. */
export class PlainDisplay implements Display {
  private readonly paint: Paint;

  constructor(private readonly options: DisplayOptions) {
    this.paint = paint(options.color);
  }

  onEvent(event: BuildEvent, view: RunView): void {
    for (const line of eventLines(event, view, this.paint, this.options.explain))
      this.options.stream.write(`${line}\n`);
  }

  stop(): void {}
}

/** A bar, what is running and for how long, and above them a line for each job that ended badly; redrawn in place. */
export class LiveDisplay implements Display {
  private readonly paint: Paint;
  private view: RunView | undefined;
  private drawn = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly options: DisplayOptions) {
    this.paint = paint(options.color);
    this.timer = setInterval(() => this.redraw([]), REDRAW_MS).unref();
  }

  onEvent(event: BuildEvent, view: RunView): void {
    this.view = view;
    const isQuiet = event.type === 'job-finished' && event.ok && !this.options.explain;
    const lines =
      isQuiet || event.type === 'job-skipped' ? [] : eventLines(event, view, this.paint, this.options.explain);
    if (lines.length > 0) this.redraw(lines);
  }

  stop(): void {
    clearInterval(this.timer);
    this.view = undefined;
    this.redraw([]);
  }

  private redraw(above: readonly string[]): void {
    const { stream } = this.options;
    const lines = this.view ? this.statusLines(this.view) : [];
    if (lines.length === 0 && above.length === 0 && this.drawn === 0) return;
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    const clipped = lines.map((line) => clip(line, width));
    stream.write(`${up}\r\u001b[J${[...above, ...clipped].map((line) => `${line}\n`).join('')}`);
    this.drawn = clipped.length;
  }

  private statusLines(view: RunView): string[] {
    const { now } = this.options;
    const { total, done, failed, blocked } = view.counts;
    const settled = done + blocked;
    const elapsed = now() - (view.run?.time ?? now());
    const filled = total === 0 ? BAR_WIDTH : Math.floor((BAR_WIDTH * settled) / total);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
    const facts = [`${settled}/${total}`, `${view.running.size} running`];
    if (failed > 0) facts.push(this.paint.red(`${failed} failed`));
    if (blocked > 0) facts.push(this.paint.yellow(`${blocked} blocked`));
    facts.push(formatDuration(elapsed));
    const eta = remainingMs(view, elapsed);
    if (eta !== undefined) facts.push(`about ${formatDuration(eta)} left`);
    const running = [...view.running].sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
    const room = Math.max(1, Math.min(MOST_RUNNING, (this.options.stream.rows ?? 24) - 4));
    const lines = running.slice(0, room).map((job) => this.runningLine(job, now()));
    if (running.length > room) lines.push(this.paint.dim(`  … and ${running.length - room} more`));
    return [`${this.paint.green(bar)} ${facts.join('  ')}`, ...lines];
  }

  private runningLine(job: JobView, now: number): string {
    const attempt = job.attempts.length > 1 ? `, attempt ${job.attempts.length}` : '';
    const elapsed = formatDuration(Math.max(0, now - (job.startedAt ?? now)));
    return `  ${this.paint.dim(`worker ${job.worker}`)} ${jobName(job)} ${this.paint.dim(`${elapsed}${attempt}`)}`;
  }
}

/** Every event as one line of JSON. */
export class NdjsonDisplay implements Display {
  constructor(private readonly stream: NodeJS.WritableStream) {}

  onEvent(event: BuildEvent): void {
    this.stream.write(`${JSON.stringify(event)}\n`);
  }

  stop(): void {}
}

/** Only what went wrong. */
export class QuietDisplay implements Display {
  private readonly paint: Paint;

  constructor(private readonly options: DisplayOptions) {
    this.paint = paint(options.color);
  }

  onEvent(event: BuildEvent, view: RunView): void {
    if (event.type !== 'job-finished' || event.ok) return;
    for (const line of eventLines(event, view, this.paint, false)) this.options.stream.write(`${line}\n`);
  }

  stop(): void {}
}

function eventLines(event: BuildEvent, view: RunView, colors: Paint, explain: boolean): string[] {
  const job = 'job' in event ? view.jobs.get(event.job) : undefined;
  switch (event.type) {
    case 'run-started':
      return [
        `Building ${count(event.builds, 'build')} and ${count(event.tests, 'test')} of ${count(event.nodes, 'node')} with ${count(event.workers, 'worker')} (${event.agent}), run ${event.runId}`,
      ];
    case 'job-queued':
      return explain ? [colors.dim(`  ${jobName(event)}: to be built, as ${event.reason}`)] : [];
    case 'job-skipped':
      return [
        `${progress(view)} ${colors.cyan(event.how)} ${jobName(event)}${explain ? colors.dim(` as ${event.reason}`) : ''}`,
      ];
    case 'attempt-failed': {
      if (event.retryInMs === undefined || !job) return [];
      const what = `attempt ${event.attempt} of ${event.attempts} failed: ${describeFailure(event.failure)}`;
      return [
        `${progress(view)} ${colors.yellow('retry')} ${jobName(job)} ${what}, again in ${formatDuration(event.retryInMs)}`,
      ];
    }
    case 'job-finished':
      return job ? finishedLines(job, view, colors) : [];
    case 'cached-implicit-enabled':
      return ['Nothing else can go on: packages from the cache now stand for names that no build has provided'];
    case 'run-cancelled':
      return [colors.yellow(`Stopping: ${event.why}; running builds are asked to end (once more to stop at once)`)];
    case 'notice':
      return [event.message];
    default:
      return [];
  }
}

function finishedLines(job: JobView, view: RunView, colors: Paint): string[] {
  const took = colors.dim(formatDuration(durationOf(job)));
  if (!job.failure) {
    const tries = job.attempts.length > 1 ? colors.yellow(` (attempt ${job.attempts.length})`) : '';
    return [
      `${progress(view)} ${colors.green(job.kind === 'test' ? 'passed' : 'built')} ${jobName(job)} ${took}${tries}`,
    ];
  }
  const lines = [`${progress(view)} ${colors.red('failed')} ${jobName(job)} ${took}: ${describeFailure(job.failure)}`];
  for (const line of failureTail(job.failure)) lines.push(colors.dim(`    | ${printable(line)}`));
  if (job.logPath) lines.push(`    log: ${job.logPath}`);
  return lines;
}

function progress(view: RunView): string {
  const { total, done, blocked } = view.counts;
  return `[${String(done + blocked).padStart(String(total).length)}/${total}]`;
}

/** By the pace so far; nothing before there is one. */
function remainingMs(view: RunView, elapsedMs: number): number | undefined {
  const { total, done, blocked } = view.counts;
  if (done === 0 || elapsedMs < 1000) return undefined;
  return (elapsedMs * Math.max(0, total - done - blocked)) / done;
}

/** Cuts a line to so many columns, colours not counted. */
function clip(line: string, width: number): string {
  let columns = 0;
  let result = '';
  for (const [part] of line.matchAll(COLOR_OR_CHARACTER)) {
    if (part.startsWith(ESCAPE)) {
      result += part;
      continue;
    }
    if (++columns > width) continue;
    result += part;
  }
  return result;
}
