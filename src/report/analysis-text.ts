import { formatDuration } from '../util/duration';
import { count } from '../util/words';
import { analyse, durationOf } from './analysis';
import { jobName, type RunView } from './run-view';

/** How many names of a long chain are shown at each of its ends. */
const CHAIN_ENDS = 4;

/** Where a run's time went, in a few lines; none where nothing took any. */
export function analysisLines(view: RunView): string[] {
  const analysis = analyse(view);
  if (analysis.slowest.length === 0 || analysis.workMs < 1) return [];
  const chain = analysis.criticalPath.map(jobName);
  const shown =
    chain.length <= 2 * CHAIN_ENDS + 1
      ? chain
      : [...chain.slice(0, CHAIN_ENDS), `… ${chain.length - 2 * CHAIN_ENDS} more …`, ...chain.slice(-CHAIN_ENDS)];
  const wait =
    analysis.criticalWaitMs >= 1 ? `, ${formatDuration(analysis.criticalWaitMs)} of it waiting for a worker` : '';
  const time = view.run?.simulated ? 'Simulated time' : 'Wall time';
  return [
    `${time}: ${formatDuration(analysis.wallMs)} (${(analysis.wallMs / 1000).toFixed(1)} s), work: ${formatDuration(analysis.workMs)}, parallelism reached: ${analysis.parallelism.toFixed(2)} of ${view.run?.workers ?? 0}`,
    `Critical path: ${formatDuration(analysis.criticalRunMs + analysis.criticalWaitMs)} in ${count(chain.length, 'job')}${wait}: ${shown.join(' > ')}`,
    `Worker utilisation: ${utilisationText(analysis.utilisation)}`,
    `Slowest: ${analysis.slowest.map((job) => `${jobName(job)} ${formatDuration(durationOf(job))}`).join(', ')}`,
  ];
}

function utilisationText(shares: readonly number[]): string {
  const percent = (share: number) => `${Math.round(share * 100)}%`;
  if (shares.length <= 8) return shares.map((share, i) => `${i + 1}: ${percent(share)}`).join('  ');
  const mean = shares.reduce((total, share) => total + share, 0) / shares.length;
  return `mean ${percent(mean)}, least ${percent(Math.min(...shares))}, most ${percent(Math.max(...shares))}`;
}
