import type { MetricRegistry } from './metric-registry';

/** Started and not ended, the newest last. */
const claims: { readonly registry: MetricRegistry | undefined }[] = [];

/** Counts up whenever the registry changes, so that those who have bound a series know that it is no longer the one. */
let generation = 0;

/** The metrics of this process, for decorators, which run before and outside any injector. */
export function activeMetrics(): MetricRegistry | undefined {
  return claims.at(-1)?.registry;
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
  const claim = { registry };
  claims.push(claim);
  generation += 1;
  return () => {
    const at = claims.indexOf(claim);
    if (at < 0) return;
    claims.splice(at, 1);
    generation += 1;
  };
}
