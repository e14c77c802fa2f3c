/*
 * `import 'spanwright/register'`, as the first line of a program or by `node --import spanwright/register`: starts telemetry from the environment, a config file and the defaults, before anything else is
 * loaded. A `TelemetryModule` in the same process takes this telemetry over; without one, it ends with the process.
 */
import { loadTelemetryConfig } from './config/load-telemetry-config';
import { claimOutgoing } from './telemetry/outgoing-requests';
import { registeredRuntime, setRegisteredRuntime } from './telemetry/registered-runtime';
import { TelemetryRuntime } from './telemetry/telemetry-runtime';

if (!registeredRuntime()) start();

function start(): void {
  const runtime = new TelemetryRuntime(loadTelemetryConfig({}));
  setRegisteredRuntime(runtime);
  if (!runtime.config.enabled) return;
  const { tracerProvider, metrics } = runtime;
  if (tracerProvider)
    runtime.onEnd(claimOutgoing(tracerProvider, metrics.registry.enabled ? metrics.meterProvider : undefined));
  process.once('beforeExit', () => void runtime.shutdown());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) endOn(signal, runtime);
}

/** A program that listens to the signal ends as it likes, and has its telemetry ended by the module or by `beforeExit`; of another, the end is only put off. */
function endOn(signal: NodeJS.Signals, runtime: TelemetryRuntime): void {
  const listener = () => {
    if (process.listenerCount(signal) > 1) return;
    void runtime.shutdown().then(() => process.kill(process.pid, signal));
  };
  process.on(signal, listener);
  // Once it has ended, by whomever, signals are to do what they do without us.
  runtime.onEnd(() => process.off(signal, listener));
}
