import { count } from '../util/words';
import { ExporterResolver, withoutUndefined } from './resolve-exporters';
import type { ExportConfig, SamplerName, SamplingConfig, SpanLimitsConfig, TelemetryConfig } from './telemetry-config';
import type { TelemetryPath } from './telemetry-fields';
import type { Layers, TelemetryFindings } from './telemetry-layers';
import { MAX_TIMER_MS } from './value-kinds';

const MIB = 2 ** 20;

/** gRPC collectors take requests of 4 MiB by default; the rest is for what surrounds the spans. */
const MAX_REQUEST_BYTES = 4 * MIB - 64 * 1024;

/** Makes the config of what all layers said together. What does not fit together is refused in the findings. */
export function resolveTelemetry(said: Layers, findings: TelemetryFindings): TelemetryConfig {
  const isOff = said.get('sdkDisabled') === true || said.get('enabled') === false;
  const tracing = !isOff && (said.get('tracingEnabled') ?? true);
  const metrics = !isOff && (said.get('metricsEnabled') ?? true);
  const enabled = tracing || metrics;
  const identity = identityOf(said);
  const exporters = new ExporterResolver(said, findings);
  const config: Omit<TelemetryConfig, 'notes'> = {
    enabled,
    ...identity,
    tracing: {
      enabled: tracing,
      exporters: tracing ? exporters.traces(identity.environment === 'development') : [],
      sampling: sampling(said, findings),
      limits: limits(said),
    },
    metrics: {
      enabled: metrics,
      exporters: metrics ? exporters.metrics() : [],
      ...metricTimes(said, findings),
      path: said.get('metricsPath') ?? '/metrics',
      cardinalityLimit: said.get('cardinalityLimit') ?? 2000,
      ...withoutUndefined({ prometheusUrl: said.get('metricsEndpoint') }),
    },
    logs: {
      level: said.get('logLevel') ?? 'info',
      diagnosticLevel: said.get('diagnosticLogLevel') ?? 'info',
      exporters: enabled ? exporters.logs() : [],
    },
    propagators: said.get('propagators') ?? ['tracecontext', 'baggage'],
    redaction: {
      enabled: said.get('redaction.enabled') ?? true,
      deny: said.get('redaction.deny') ?? [],
      allow: said.get('redaction.allow') ?? [],
    },
    export: exportConfig(said, findings),
  };
  if (enabled) exporters.noteUnused({ tracing, metrics });
  // Of what is off there is nothing to tell.
  return { ...config, notes: enabled ? findings.notes : [] };
}

type Identity = Pick<TelemetryConfig, 'serviceName' | 'serviceVersion' | 'environment' | 'resourceAttributes'>;

/**
 * Attributes that have an option of their own become that option, so that there is one truth about them. In each layer the
 * option wins over the attribute.
 */
function identityOf(said: Layers): Identity {
  const attributes = new Map<string, string>();
  let serviceName = 'container-kit';
  let serviceVersion = 'dev';
  let environment = 'development';
  for (const layer of said.layers) {
    const {
      'service.name': name,
      'service.version': version,
      'deployment.environment': formerEnvironment,
      'deployment.environment.name': environmentName = formerEnvironment,
      ...others
    } = layer.find('resourceAttributes')?.value ?? {};
    serviceName = layer.find('serviceName')?.value ?? (name || serviceName);
    serviceVersion = layer.find('serviceVersion')?.value ?? (version || serviceVersion);
    environment = layer.find('environment')?.value ?? (environmentName || environment);
    for (const [key, value] of Object.entries(others)) if (value) attributes.set(key, value);
  }
  return { serviceName, serviceVersion, environment, resourceAttributes: Object.fromEntries(attributes) };
}

/** A sampler, and the ratio beside it, are one statement; a rate alone is one, too. Each layer's replaces those below it. */
function sampling(said: Layers, findings: TelemetryFindings): SamplingConfig {
  let sampler: SamplerName = 'parentbased_always_on';
  let ratio = 1;
  for (const layer of said.layers) {
    const rate = layer.find('traceSampleRate');
    const ownSampler = layer.find('sampling.sampler');
    const ownRatio = layer.find('sampling.ratio');
    const instead = ownSampler ?? ownRatio;
    if (rate && instead) findings.note(`${rate.by} is not used: ${instead.by} says what is sampled, and wins`);
    if (ownSampler) {
      sampler = ownSampler.value;
      ratio = ownRatio?.value ?? 1;
      if (ownRatio && !hasRatio(sampler))
        findings.note(`${ownRatio.by} is not used: the sampler ${sampler} takes no ratio`);
    } else if (ownRatio ?? rate) {
      if (rate || !hasRatio(sampler)) sampler = 'parentbased_traceidratio';
      ratio = (ownRatio ?? rate)?.value ?? 1;
    }
  }
  return {
    sampler,
    ratio: hasRatio(sampler) ? ratio : sampler.endsWith('always_off') ? 0 : 1,
    rules: said.get('sampling.rules') ?? [],
    keepErrors: said.get('sampling.keepErrors') ?? false,
    ...withoutUndefined({ keepSlowerThanMs: said.get('sampling.keepSlowerThan') }),
  };
}

function hasRatio(sampler: SamplerName): boolean {
  return sampler.endsWith('traceidratio');
}

function limits(said: Layers): SpanLimitsConfig {
  return {
    attributeCountLimit: said.get('limits.attributeCountLimit') ?? 128,
    attributeValueLengthLimit: said.get('limits.attributeValueLengthLimit') ?? 4096,
    eventCountLimit: said.get('limits.eventCountLimit') ?? 128,
    linkCountLimit: said.get('limits.linkCountLimit') ?? 128,
    attributePerEventCountLimit: said.get('limits.attributePerEventCountLimit') ?? 128,
    attributePerLinkCountLimit: said.get('limits.attributePerLinkCountLimit') ?? 128,
  };
}

/** A push that takes longer than the interval would meet the next one; OpenTelemetry's reader refuses to start so. */
function metricTimes(said: Layers, findings: TelemetryFindings): { intervalMs: number; timeoutMs: number } {
  const intervalMs = said.get('metricsInterval') ?? 15_000;
  const timeout = said.find('metricsTimeout');
  if (timeout && timeout.value > intervalMs && timeout.value < MAX_TIMER_MS) {
    findings.note(`${timeout.by} is longer than the interval of ${intervalMs} ms, which counts instead`);
  }
  return { intervalMs, timeoutMs: Math.min(timeout?.value ?? 30_000, intervalMs) };
}

function exportConfig(said: Layers, findings: TelemetryFindings): ExportConfig {
  const queue = said.find('export.maxQueueBytes');
  const batch = said.find('export.maxBatchBytes');
  const maxQueueBytes = queue?.value ?? 64 * MIB;
  // Said further down, a size gives way to a smaller queue; said by the same hand, the two contradict each other.
  if (batch && batch.value > maxQueueBytes && batch.rank >= (queue?.rank ?? 0)) {
    findings.refuse(
      batch.by,
      `expected no more than the queue's ${count(maxQueueBytes, 'byte')}, got ${batch.value}`,
      'export',
    );
  }
  const initial = said.find('export.initialBackoff');
  const longest = said.find('export.maxBackoff');
  const maxBackoffMs = longest?.value ?? Math.max(5000, initial?.value ?? 0);
  if (initial && initial.value > maxBackoffMs && initial.rank >= (longest?.rank ?? 0)) {
    findings.refuse(
      initial.by,
      `expected no more than the longest wait of ${maxBackoffMs} ms, got ${initial.value} ms`,
      'export',
    );
  }
  return {
    maxQueueBytes,
    maxBatchSpans: said.get('export.maxBatchSpans') ?? 2048,
    maxBatchBytes: Math.min(batch?.value ?? MAX_REQUEST_BYTES, maxQueueBytes),
    scheduleDelayMs: said.get('export.scheduleDelay') ?? 1000,
    shutdownTimeoutMs: said.get('export.shutdownTimeout') ?? 5000,
    initialBackoffMs: Math.min(initial?.value ?? 500, maxBackoffMs),
    maxBackoffMs,
    ...withoutUndefined({ spool: spool(said, findings) }),
  };
}

function spool(said: Layers, findings: TelemetryFindings): ExportConfig['spool'] {
  const directory = said.get('export.spool.directory');
  if (directory === undefined) {
    for (const path of ['export.spool.maxBytes', 'export.spool.maxAge'] as const satisfies TelemetryPath[]) {
      const vain = said.find(path);
      if (vain) findings.note(`${vain.by} is not used: there is no spool directory`);
    }
    return undefined;
  }
  return {
    directory,
    maxBytes: said.get('export.spool.maxBytes') ?? 256 * MIB,
    maxAgeMs: said.get('export.spool.maxAge') ?? 24 * 3_600_000,
  };
}
