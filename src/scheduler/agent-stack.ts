import type { BuildAgent } from './agent';
import { HeartbeatAgent } from './agents/heartbeat';
import { RetryingAgent, type RetryingAgentOptions } from './agents/retrying';
import type { SchedulerTelemetry } from './scheduler.telemetry';

/**
 * The one place where agents are stacked. Read from outside in: heard of, retried, traced, run. Tracing stands inside retrying, so that
 * each attempt is a span of its own; see docs/decisions/0005-one-span-per-attempt.md.
 */
export function stackAgents(
  agent: BuildAgent,
  retry: RetryingAgentOptions,
  telemetry?: SchedulerTelemetry,
): BuildAgent {
  return new HeartbeatAgent(new RetryingAgent(telemetry ? telemetry.wrap(agent) : agent, retry));
}
