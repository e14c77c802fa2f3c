/** Injection token of the process's `MetricsRuntime`. */
export const METRICS_RUNTIME = Symbol('METRICS_RUNTIME');
