import { describeFailure } from '../scheduler/failure';
import type { RunView } from './run-view';

/**
 * A run as a Chrome trace, which Perfetto and chrome://tracing open: a lane for each worker, a slice for each attempt. Times
 * count from the start of the run, in microseconds.
 */
export function perfettoTrace(view: RunView): string {
  const startedAt = view.run?.time ?? 0;
  const microseconds = (ms: number) => Math.round((ms - startedAt) * 1000);
  const events: object[] = [
    { ph: 'M', pid: 1, name: 'process_name', args: { name: `spanwright ${view.run?.runId ?? ''}`.trim() } },
  ];
  for (let worker = 1; worker <= (view.run?.workers ?? 0); worker++) {
    events.push({ ph: 'M', pid: 1, tid: worker, name: 'thread_name', args: { name: `worker ${worker}` } });
    events.push({ ph: 'M', pid: 1, tid: worker, name: 'thread_sort_index', args: { sort_index: worker } });
  }
  for (const job of view.jobs.values()) {
    if (job.worker === undefined) continue;
    for (const attempt of job.attempts) {
      const endedAt = attempt.endedAt ?? job.finishedAt ?? view.now;
      events.push({
        ph: 'X',
        pid: 1,
        tid: job.worker,
        name: job.label,
        cat: job.kind,
        ts: microseconds(attempt.startedAt),
        dur: Math.max(0, microseconds(endedAt) - microseconds(attempt.startedAt)),
        // Colours by the names that the format sets aside.
        cname: attempt.failure ? 'terrible' : job.kind === 'test' ? 'good' : undefined,
        args: {
          attempt: attempt.attempt,
          status: attempt.failure
            ? describeFailure(attempt.failure)
            : attempt.endedAt === undefined
              ? 'unfinished'
              : 'succeeded',
          reason: job.reason,
          log: attempt.logPath,
          unlockedBy: job.after === undefined ? undefined : view.jobs.get(job.after)?.label,
        },
      });
    }
  }
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}
