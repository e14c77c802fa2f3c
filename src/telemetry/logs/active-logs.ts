import type { LogsRuntime } from './logs-runtime';

/** Started and not ended, the newest last. */
const claims: LogsRuntime[] = [];

/** Where log records of this process go, for loggers that are made before and outside any injector. */
export function activeLogs(): LogsRuntime | undefined {
  return claims.at(-1);
}

/** @returns gives the claim back */
export function claimLogs(runtime: LogsRuntime): () => void {
  claims.push(runtime);
  return () => {
    const at = claims.indexOf(runtime);
    if (at >= 0) claims.splice(at, 1);
  };
}
