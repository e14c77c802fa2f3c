import { Writable } from 'node:stream';
import { RunView } from '../../src/report/run-view';
import {
  type Display,
  type DisplayOptions,
  LiveDisplay,
  NdjsonDisplay,
  PlainDisplay,
  QuietDisplay,
} from '../../src/report/terminal';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, T0 } from './sample-run';

const ESC = '\u001b';
const TERMINAL_TEXT = new RegExp(`${ESC}\\[[0-9;]*[A-Za-z]|\\r|\\n|[^${ESC}\\r\\n]+`, 'g');
const CURSOR_UP = new RegExp(`^${ESC}\\[(\\d+)A$`);
const COLOR = new RegExp(`${ESC}\\[[0-9;]*m`);
const COLOR_ON = new RegExp(`${ESC}\\[(?:[1-8]|3[0-8])m`, 'g');
const COLOR_OFF = new RegExp(`${ESC}\\[(?:22|39)m`, 'g');

/** A terminal of so many columns, as far as the displays use one: it knows what is on it after all that was written. */
class FakeTerminal extends Writable {
  text = '';
  readonly rows = 24;

  constructor(readonly columns = 80) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  /** Lines that a person sees now, without colours; a line that is too long takes more than one. */
  get screen(): string[] {
    const lines: string[] = [];
    let row = 0;
    for (const [part] of this.text.matchAll(TERMINAL_TEXT)) {
      const up = CURSOR_UP.exec(part);
      if (up) row = Math.max(0, row - Number(up[1]));
      else if (part === `${ESC}[J`) lines.length = row;
      else if (part === '\n') lines[++row] ??= '';
      else if (!part.startsWith(ESC) && part !== '\r') {
        lines[row] = `${lines[row] ?? ''}${part}`;
        while ((lines[row] as string).length > this.columns) {
          const line = lines[row] as string;
          lines[row] = line.slice(0, this.columns);
          lines[++row] = line.slice(this.columns);
        }
      }
    }
    return lines.filter((line, at) => line !== '' || at < lines.length - 1);
  }
}

interface Shown {
  readonly terminal: FakeTerminal;
  readonly view: RunView;
  readonly display: Display;
  now: number;
  tell(...events: readonly BuildEvent[]): void;
}

function show(
  Kind: new (options: DisplayOptions) => Display,
  { color = false, explain = false, columns = 80 }: Partial<DisplayOptions> & { readonly columns?: number } = {},
): Shown {
  const terminal = new FakeTerminal(columns);
  const view = new RunView();
  const shown: Shown = {
    terminal,
    view,
    now: T0,
    display: new Kind({ stream: terminal, color, explain, now: () => shown.now }),
    tell(...events) {
      for (const event of events) {
        shown.now = event.time;
        view.apply(event);
        shown.display.onEvent(event, view);
      }
    },
  };
  return shown;
}

const until = (type: BuildEvent['type'], job?: number) =>
  SAMPLE_RUN.findIndex((event) => event.type === type && (job === undefined || ('job' in event && event.job === job))) +
  1;

describe('plain', () => {
  test('a line for each thing that happens, and no colours where they are off', () => {
    const { terminal, tell } = show(PlainDisplay);
    tell(...SAMPLE_RUN);
    expect(terminal.text.split('\n')).toEqual([
      'Building 8 builds and 1 test of 30 nodes with 2 workers (test-agent), run 20260102-030405-abc123',
      '[1/9] cached docs.src.rpm',
      '[2/9] delta extra.src.rpm',
      '[3/9] ignored odd.src.rpm',
      '[3/9] retry core.src.rpm attempt 1 of 2 failed: exit status 1, again in 0.50s',
      '[4/9] failed core.src.rpm (test) 3.0s: package test failed',
      '    log: logs/core.test.log',
      '[5/9] built core.src.rpm 4.0s (attempt 2)',
      '[6/9] failed lib.src.rpm 2.0s: exit status 2',
      '    | make: *** [all] Error 2',
      '    | say "no", please',
      '    log: logs/lib.log',
      'the disk is nearly full',
      '[8/9] built tool.src.rpm 4.8s',
      'Nothing else can go on: packages from the cache now stand for names that no build has provided',
      '',
    ]);
    expect(terminal.text).not.toContain(ESC);
  });

  test('colours where they are on, each closed on its line', () => {
    const { terminal, tell } = show(PlainDisplay, { color: true });
    tell(...SAMPLE_RUN);
    expect(terminal.text).toContain(`${ESC}[31mfailed${ESC}[39m lib.src.rpm`);
    for (const line of terminal.text.split('\n')) {
      const opened = line.match(COLOR_ON)?.length ?? 0;
      expect(line.match(COLOR_OFF)?.length ?? 0).toBe(opened);
    }
  });

  test('the reason for each job where it is asked for', () => {
    const { terminal, tell } = show(PlainDisplay, { explain: true });
    tell(...SAMPLE_RUN);
    expect(terminal.text).toContain('  core.src.rpm: to be built, as none of its 1 RPMs is on disk\n');
    expect(terminal.text).toContain('cached docs.src.rpm as all there\n');
  });

  test('a cancelled run says why it stops', () => {
    const { terminal, tell } = show(PlainDisplay);
    tell({ type: 'run-cancelled', time: T0, why: 'SIGINT' });
    expect(terminal.text).toMatch(/^Stopping: SIGINT; /);
  });
});

describe('live', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('shows a bar, how far it is, and what runs for how long', () => {
    const shown = show(LiveDisplay, { columns: 120 });
    shown.tell(...SAMPLE_RUN.slice(0, until('job-started', 2)));
    shown.now = T0 + 2500;
    jest.advanceTimersByTime(100);
    expect(shown.terminal.screen.slice(1)).toEqual([
      `${'█'.repeat(8)}${'░'.repeat(16)} 3/9  2 running  2.5s  about 5.0s left`,
      '  worker 1 core.src.rpm 2.5s',
      '  worker 2 core.src.rpm (test) 2.5s',
    ]);
    shown.display.stop();
  });

  test('a failure appears at once, above the bar, and stays', () => {
    const shown = show(LiveDisplay);
    const failed = until('job-finished', 3);
    shown.tell(...SAMPLE_RUN.slice(0, failed - 1));
    expect(shown.terminal.screen.join('\n')).not.toContain('failed lib.src.rpm');
    shown.tell(SAMPLE_RUN[failed - 1] as BuildEvent);
    const at = shown.terminal.screen.indexOf('[6/9] failed lib.src.rpm 2.0s: exit status 2');
    expect(at).toBeGreaterThan(0);
    expect(shown.terminal.screen.findIndex((line) => line.includes('█'))).toBeGreaterThan(at);
    shown.tell(...SAMPLE_RUN.slice(failed));
    shown.display.stop();
    expect(shown.terminal.screen).toContain('    | make: *** [all] Error 2');
  });

  test('nothing of the bar is left when it stops, and only what is worth reading stays', () => {
    const shown = show(LiveDisplay);
    for (const event of SAMPLE_RUN) {
      shown.tell(event);
      jest.advanceTimersByTime(100);
    }
    shown.display.stop();
    const { screen } = shown.terminal;
    expect(screen.join('\n')).not.toMatch(/[█░]|worker \d/);
    expect(screen.filter((line) => /built|cached docs/.test(line))).toEqual([]);
    expect(screen.filter((line) => line.includes('failed')).length).toBe(3);
  });

  test.each([20, 30, 40])(
    'lines are cut to a terminal of %i columns, so that redrawing erases all of them',
    (columns) => {
      const shown = show(LiveDisplay, { columns, color: true });
      shown.tell(...SAMPLE_RUN.slice(0, until('attempt-started', 5)));
      for (let i = 0; i < 5; i++) {
        shown.now += 1000;
        jest.advanceTimersByTime(100);
      }
      const bars = shown.terminal.screen.filter((line) => /[█░]/.test(line));
      expect(bars).toHaveLength(1);
      shown.display.stop();
      expect(shown.terminal.screen.join('\n')).not.toMatch(/[█░]|worker \d/);
    },
  );

  test('of many running jobs the oldest are shown and the others counted', () => {
    const shown = show(LiveDisplay);
    shown.tell({ ...(SAMPLE_RUN[0] as Extract<BuildEvent, { type: 'run-started' }>), workers: 12 });
    for (let job = 0; job < 12; job++) {
      const label = `j${job}`;
      shown.tell(
        { type: 'job-queued', time: T0 + job, job, kind: 'build', label, node: job, reason: '', priority: 1 },
        { type: 'job-started', time: T0 + job, job, worker: job + 1 },
      );
    }
    jest.advanceTimersByTime(100);
    const { screen } = shown.terminal;
    expect(screen.filter((line) => line.startsWith('  worker')).map((line) => line.split(' ')[4])).toEqual([
      'j0',
      'j1',
      'j2',
      'j3',
      'j4',
      'j5',
      'j6',
      'j7',
    ]);
    expect(screen.at(-1)).toBe('  … and 4 more');
    shown.display.stop();
  });

  test('colours are off where they are not wanted', () => {
    const shown = show(LiveDisplay);
    shown.tell(...SAMPLE_RUN);
    shown.display.stop();
    expect(shown.terminal.text).not.toMatch(COLOR);
  });

  test('stopping twice, or before anything was shown, writes nothing', () => {
    const shown = show(LiveDisplay);
    shown.display.stop();
    shown.display.stop();
    jest.advanceTimersByTime(1000);
    expect(shown.terminal.text).toBe('');
  });
});

describe('other displays', () => {
  test('NDJSON has every event as a line of JSON', () => {
    const terminal = new FakeTerminal();
    const display = new NdjsonDisplay(terminal);
    for (const event of SAMPLE_RUN) display.onEvent(event);
    display.stop();
    const lines = terminal.text.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(SAMPLE_RUN)));
  });

  test('quiet says only what went wrong', () => {
    const { terminal, tell } = show(QuietDisplay);
    tell(...SAMPLE_RUN);
    expect(terminal.text.split('\n').filter((line) => line.startsWith('['))).toEqual([
      '[4/9] failed core.src.rpm (test) 3.0s: package test failed',
      '[6/9] failed lib.src.rpm 2.0s: exit status 2',
    ]);
  });
});
