import { Claims } from '../../util/claims';
import type { LogsRuntime } from './logs-runtime';

const claims = new Claims<LogsRuntime>();

/** Where log records of this process go, for loggers that are made before and outside any injector. */
export function activeLogs(): LogsRuntime | undefined {
  return claims.newest;
}

/** @returns gives the claim back */
export function claimLogs(runtime: LogsRuntime): () => void {
  return claims.claim(runtime);
}
