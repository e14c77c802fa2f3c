import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig, TraceExporterConfig } from '../../config/telemetry-config';
import { ExporterSink } from './exporter-sink';
import type { SinkTimers } from './sink-timers';

export type JaegerConfig = Extract<TraceExporterConfig, { type: 'jaeger' }>;

/** The port that takes spans as the exporter writes them, in binary Thrift; 6831 wants the compact form. */
const AGENT_PORT = 6832;
/** The exporter puts no more into one datagram than 65,000 bytes, about 200 of them for what is around the spans. */
const PACKET_BYTES = 60_000;
/** From so many on, the exporter makes further requests. */
const REQUEST_SPANS = 100;
/** The exporter's timer for its own end is never cleared; this is how long it keeps the process alive. */
const FLUSH_TIMEOUT_MS = 200;

/**
 * Sends spans to Jaeger in its own format, by datagrams to an agent or by HTTP to a collector. OpenTelemetry has given that
 * exporter up: it drops what it cannot send at once, sends parts of a batch twice when the batch is tried again, waits for
 * ever for a collector that does not answer, and leaves out the query of an endpoint. Here a batch is one datagram or one
 * request, so that it is taken as a whole or not at all; the rest is {@link ExporterSink}'s.
 *
 * Datagrams are lost without a word where nobody listens. They count as exported.
 */
export function createJaegerSink(
  { endpoint, username, password, agentHost = 'localhost', agentPort = AGENT_PORT }: JaegerConfig,
  config: ExportConfig,
  onProblem: (message: string) => void,
  timers?: SinkTimers,
): ExporterSink {
  const common = { exporter: 'jaeger', isFinal, onProblem, timers };
  if (endpoint === undefined) {
    return new ExporterSink({
      ...common,
      endpoint: `udp://${agentHost}:${agentPort}`,
      config: { ...config, maxBatchBytes: PACKET_BYTES },
      sizeOf: largestThriftSize,
      create: () => createExporter({ host: agentHost, port: agentPort }),
    });
  }
  const url = new URL(endpoint);
  const credentials = {
    username: username ?? decodeURIComponent(url.username),
    password: password ?? decodeURIComponent(url.password),
  };
  return new ExporterSink({
    ...common,
    endpoint: url.origin,
    config: { ...config, maxBatchSpans: Math.min(config.maxBatchSpans, REQUEST_SPANS) },
    create: () => createExporter({ endpoint: withQuery(url), ...credentials }),
  });
}

function createExporter(options: object): SpanExporter {
  const { JaegerExporter } =
    require('@opentelemetry/exporter-jaeger') as typeof import('@opentelemetry/exporter-jaeger');
  return new JaegerExporter({ ...options, flushTimeout: FLUSH_TIMEOUT_MS });
}

/**
 * The exporter takes an endpoint apart with `url.parse`, and uses the part that has no query. What is taken apart already goes
 * through as it is.
 */
function withQuery({ protocol, hostname, port, pathname, search }: URL): object {
  const { Url } = require('node:url') as { Url: new () => object };
  const host = hostname.replace(/^\[|\]$/g, '');
  return Object.assign(new Url(), { protocol, hostname: host, port, pathname: pathname + search });
}

/** Everything but what the network or an overloaded collector says: what is too large or cannot be written stays so. */
function isFinal(message: string): boolean {
  const [, status] = /responded with HTTP (\d+)/.exec(message) ?? [];
  if (status !== undefined) return !['408', '429', '502', '503', '504'].includes(status);
  return !message.startsWith('error sending spans over') || message.includes('EMSGSIZE');
}

const SPAN_BYTES = 600;
const PART_BYTES = 48;
const TAG_BYTES = 24;

const resourceSizes = new WeakMap<ReadableSpan['resource'], number>();

/** No less than the span takes as Thrift: one that needs a datagram of its own must get one. */
function largestThriftSize({
  name,
  status,
  attributes,
  events,
  links,
  resource,
  instrumentationScope,
}: ReadableSpan): number {
  const { name: scope, version } = instrumentationScope;
  let size = SPAN_BYTES + textSize(name) + textSize(status.message) + textSize(scope) + textSize(version);
  size += tagsSize(attributes);
  for (const event of events) size += PART_BYTES + textSize(event.name) + tagsSize(event.attributes);
  size += links.length * PART_BYTES;
  let ofResource = resourceSizes.get(resource);
  if (ofResource === undefined) {
    ofResource = tagsSize(resource.attributes);
    if (!resource.asyncAttributesPending) resourceSizes.set(resource, ofResource);
  }
  return size + ofResource;
}

function tagsSize(attributes: Readonly<Record<string, unknown>> = {}): number {
  let size = 0;
  for (const key of Object.keys(attributes)) size += TAG_BYTES + textSize(key) + textSize(attributes[key]);
  return size;
}

function textSize(value: unknown): number {
  try {
    return value === undefined ? 16 : Math.max(16, Buffer.byteLength(String(value)));
  } catch {
    // What cannot be written as text cannot be sent either, and must take no other span along.
    return PACKET_BYTES;
  }
}
