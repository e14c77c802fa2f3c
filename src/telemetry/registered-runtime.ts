import type { TelemetryRuntime } from './telemetry-runtime';

let registered: TelemetryRuntime | undefined;

/** The runtime that `spanwright/register` has started, before anything else was loaded; the module then takes that one. */
export function registeredRuntime(): TelemetryRuntime | undefined {
  return registered?.hasEnded ? undefined : registered;
}

export function setRegisteredRuntime(runtime: TelemetryRuntime | undefined): void {
  registered = runtime;
}
