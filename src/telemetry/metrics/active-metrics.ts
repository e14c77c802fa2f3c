import { Claims } from '../../util/claims';
import type { MetricRegistry } from './metric-registry';

/** Counts up whenever the registry changes, so that those who have bound a series know that it is no longer the one. */
let generation = 0;
const claims = new Claims<MetricRegistry | undefined>(() => {
  generation += 1;
});

/** The metrics of this process, for decorators, which run before and outside any injector. */
export function activeMetrics(): MetricRegistry | undefined {
  return claims.newest;
}

export function metricsGeneration(): number {
  return generation;
}

/**
 * Makes this the registry of the process; without one, nothing is measured.
 *
 * @returns gives the claim back
 */
export function claimMetrics(registry: MetricRegistry | undefined): () => void {
  return claims.claim(registry);
}
