import { describeFailure } from '../scheduler/failure';
import { formatDuration } from '../util/duration';
import { printable } from '../util/words';
import { analysisLines } from './analysis-text';
import { paint } from './paint';
import { type JobView, jobName, type RunView } from './run-view';

/** At most so many blocked jobs are named; the others are counted. */
const MOST_BLOCKED = 20;

/** What came of a run, for people. */
export function textSummary(view: RunView, color: boolean): string[] {
  const colors = paint(color);
  const jobs = view.sortedJobs();
  const withStatus = (status: JobView['status']) => jobs.filter((job) => job.status === status);
  const failed = withStatus('failed');
  const blocked = withStatus('blocked');
  const stopped = withStatus('cancelled');
  const succeeded = view.countOf('succeeded');
  const { total, cached } = view.counts;

  const facts = [`${succeeded} succeeded`];
  if (cached > 0) facts.push(`${cached} reused`);
  if (failed.length > 0) facts.push(colors.red(`${failed.length} failed`));
  if (blocked.length > 0) facts.push(colors.yellow(`${blocked.length} blocked`));
  if (stopped.length > 0) facts.push(colors.yellow(`${stopped.length} not built, as the run stopped`));
  if (view.pruned && total > jobs.length) facts.push(`${total - jobs.length} not needed`);
  const status = view.end?.status ?? 'unfinished';
  const head = {
    succeeded: colors.green('Succeeded'),
    failed: colors.red('Failed'),
    cancelled: colors.yellow('Cancelled'),
    unfinished: colors.yellow('Unfinished'),
  };
  const wall = view.run ? (view.end?.time ?? view.now) - view.run.time : 0;
  const lines = ['', `${head[status]}: ${facts.join(', ')} of ${total} in ${formatDuration(wall)}`];

  for (const job of failed) {
    const attempts = job.attempts.length > 1 ? ` after ${job.attempts.length} attempts` : '';
    lines.push(
      `  ${colors.red('failed')}  ${jobName(job)}${attempts}: ${job.failure ? describeFailure(job.failure) : 'unknown'}`,
    );
    if (job.logPath) lines.push(`          log: ${job.logPath}`);
  }
  for (const job of blocked.slice(0, MOST_BLOCKED))
    lines.push(`  ${colors.yellow('blocked')} ${jobName(job)} by ${rootOf(job)}`);
  if (blocked.length > MOST_BLOCKED) lines.push(`  … and ${blocked.length - MOST_BLOCKED} more blocked`);
  for (const job of view.flakyJobs())
    lines.push(`  ${colors.yellow('flaky')}   ${jobName(job)} succeeded at attempt ${job.attempts.length}`);
  for (const job of view.untoldChecks())
    lines.push(`  ${colors.yellow('absent')}  ${jobName(job)}: its log has no check marker, so it counts as passed`);
  for (const { label, neededBy, couldComeFrom = [] } of view.end?.unresolved ?? []) {
    const hint = couldComeFrom.length > 0 ? `; it could come from ${couldComeFrom.map(printable).join(', ')}` : '';
    lines.push(
      `  ${colors.yellow('missing')} ${printable(label)}, which nobody provides; needed by ${neededBy.slice(0, 3).map(printable).join(', ')}${neededBy.length > 3 ? ` and ${neededBy.length - 3} more` : ''}${hint}`,
    );
  }
  return [...lines, ...analysisLines(view)];
}

function rootOf(job: JobView): string {
  if (!job.cause || job.cause.kind === 'stopped') return 'the end of the run';
  return job.cause.kind === 'job'
    ? `${printable(job.cause.label)}, which failed`
    : `${printable(job.cause.label)}, which nobody provides`;
}
