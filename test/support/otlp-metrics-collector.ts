import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Server as GrpcServer, type Metadata, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import { parse } from 'protobufjs';
import type { Attributes, Behaviour } from './otlp-collector';

/** One data point, with what its metric says. */
export interface ReceivedPoint {
  metric: string;
  unit: string;
  description: string;
  kind: 'sum' | 'gauge' | 'histogram';
  temporality?: 'delta' | 'cumulative';
  isMonotonic?: boolean;
  attributes: Attributes;
  startTimeUnixNano: bigint;
  timeUnixNano: bigint;
  /** Of a sum or gauge. */
  value?: number;
  isInteger?: boolean;
  /** Of a histogram. */
  count?: number;
  sum?: number;
  min?: number;
  max?: number;
  bounds?: number[];
  counts?: number[];
  resource: Attributes;
  scope: { name: string; version: string };
}

const ANSWERS = {
  accepted: { http: 200, grpc: status.OK },
  malformed: { http: 400, grpc: status.INVALID_ARGUMENT },
  refused: { http: 503, grpc: status.UNAVAILABLE },
  rejected: { http: 400, grpc: status.INVALID_ARGUMENT },
};

/** A collector of metrics: OTLP over gRPC, and over HTTP as protobuf and as JSON. */
export class OtlpMetricsCollector {
  behaviour: Behaviour | 'reject' = 'accept';
  /** Every export call that reached the collector, whatever the answer. */
  requests = 0;
  /** The points of the accepted requests, a list for each. */
  readonly exports: ReceivedPoint[][] = [];
  /** Headers, or metadata, of the latest request. */
  headers: Record<string, unknown> = {};
  private readonly waiting: (() => void)[] = [];
  private stopped: Promise<unknown> | undefined;

  private constructor(
    private readonly grpc: GrpcServer,
    private readonly http: HttpServer,
    readonly grpcEndpoint: string,
    readonly httpEndpoint: string,
  ) {}

  static async start(): Promise<OtlpMetricsCollector> {
    const grpc = new GrpcServer();
    const http = createServer();
    const grpcPort = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const { port } = http.address() as AddressInfo;
    const collector = new OtlpMetricsCollector(grpc, http, `http://127.0.0.1:${grpcPort}`, `http://127.0.0.1:${port}`);
    collector.serve();
    return collector;
  }

  /** All points, of one metric or of all. */
  points(metric?: string): ReceivedPoint[] {
    return this.exports.flat().filter((point) => metric === undefined || point.metric === metric);
  }

  /** Resolves when another export call has reached the collector. */
  nextRequest(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  async stop(): Promise<void> {
    this.stopped ??= Promise.all([
      new Promise<void>((resolve) => {
        this.grpc.tryShutdown(() => resolve());
        this.grpc.forceShutdown();
      }),
      new Promise<void>((resolve) => {
        this.http.close(() => resolve());
        this.http.closeAllConnections();
      }),
    ]);
    await this.stopped;
  }

  private serve(): void {
    const asIs = (bytes: Buffer) => bytes;
    const method = {
      path: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    } as const;
    type Call = { request: Buffer; metadata: Metadata };
    this.grpc.addService(
      { Export: method },
      {
        Export: ({ request, metadata }: Call, callback: sendUnaryData<Buffer>) => {
          this.headers = metadata.getMap();
          const answer = this.receive(() => decodeProtobuf(request));
          if (answer === 'accepted') callback(null, Buffer.alloc(0));
          else if (answer) callback({ code: ANSWERS[answer].grpc, details: answer });
        },
      },
    );
    this.http.on('request', (request, response) => {
      this.serveHttp(request, response).catch(() => response.destroy());
    });
  }

  private async serveHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const contentType = request.headers['content-type']?.split(';')[0] ?? '';
    const body = await buffer(request);
    this.headers = request.headers;
    if (request.url !== '/v1/metrics' || request.method !== 'POST') return void response.writeHead(404).end();
    const decode = DECODERS[contentType];
    if (!decode) return void response.writeHead(415).end();
    const isZipped = request.headers['content-encoding'] === 'gzip';
    const answer = this.receive(() => decode(isZipped ? gunzipSync(body) : body));
    if (!answer) return;
    response.writeHead(ANSWERS[answer].http, { 'content-type': contentType });
    response.end(contentType === 'application/json' ? '{}' : '');
  }

  /** @returns what to answer, or undefined for never to */
  private receive(decode: () => MetricsRequest): keyof typeof ANSWERS | undefined {
    this.requests++;
    for (const resolve of this.waiting.splice(0)) resolve();
    if (this.behaviour === 'hang') return undefined;
    if (this.behaviour === 'refuse') return 'refused';
    if (this.behaviour === 'reject') return 'rejected';
    try {
      this.exports.push(toPoints(decode()));
      return 'accepted';
    } catch {
      return 'malformed';
    }
  }
}

// What protobuf and JSON decode to: the same fields, all of them optional.
type Int64 = string | number;

interface MetricsRequest {
  resourceMetrics?: {
    resource?: { attributes?: KeyValue[] };
    scopeMetrics?: { scope?: { name?: string; version?: string }; metrics?: Metric[] }[];
  }[];
}

interface Metric {
  name?: string;
  description?: string;
  unit?: string;
  gauge?: { dataPoints?: NumberPoint[] };
  sum?: { dataPoints?: NumberPoint[]; aggregationTemporality?: number; isMonotonic?: boolean };
  histogram?: { dataPoints?: HistogramPoint[]; aggregationTemporality?: number };
}

interface Point {
  attributes?: KeyValue[];
  startTimeUnixNano?: Int64;
  timeUnixNano?: Int64;
}

interface NumberPoint extends Point {
  asDouble?: number;
  asInt?: Int64;
}

interface HistogramPoint extends Point {
  count?: Int64;
  sum?: number;
  min?: number;
  max?: number;
  bucketCounts?: Int64[];
  explicitBounds?: number[];
}

interface KeyValue {
  key: string;
  value?: { stringValue?: string; boolValue?: boolean; intValue?: Int64; doubleValue?: number };
}

const { root } = parse(readFileSync(join(__dirname, 'otlp-trace.proto'), 'utf8'));
parse(readFileSync(join(__dirname, 'otlp-metrics.proto'), 'utf8'), root);
const requestType = root.lookupType('otlp.ExportMetricsServiceRequest');

function decodeProtobuf(bytes: Uint8Array): MetricsRequest {
  return requestType.toObject(requestType.decode(bytes), { longs: String });
}

const DECODERS: Record<string, (bytes: Buffer) => MetricsRequest> = {
  'application/x-protobuf': decodeProtobuf,
  'application/json': (bytes) => JSON.parse(bytes.toString()),
};

const TEMPORALITIES = [undefined, 'delta', 'cumulative'] as const;

function toPoints({ resourceMetrics = [] }: MetricsRequest): ReceivedPoint[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics = [] }) =>
    scopeMetrics.flatMap(({ scope, metrics = [] }) =>
      metrics.flatMap((metric) =>
        pointsOf(metric).map((point) => ({
          metric: metric.name ?? '',
          unit: metric.unit ?? '',
          description: metric.description ?? '',
          ...point,
          resource: toAttributes(resource?.attributes),
          scope: { name: scope?.name ?? '', version: scope?.version ?? '' },
        })),
      ),
    ),
  );
}

type OwnPoint = Omit<ReceivedPoint, 'metric' | 'unit' | 'description' | 'resource' | 'scope'>;

function pointsOf({ gauge, sum, histogram }: Metric): OwnPoint[] {
  if (histogram) {
    const temporality = TEMPORALITIES[histogram.aggregationTemporality ?? 0];
    return (histogram.dataPoints ?? []).map((point) => ({
      kind: 'histogram',
      temporality,
      ...common(point),
      count: Number(point.count ?? 0),
      sum: point.sum,
      min: point.min,
      max: point.max,
      bounds: point.explicitBounds ?? [],
      counts: (point.bucketCounts ?? []).map(Number),
    }));
  }
  const kind = sum ? 'sum' : 'gauge';
  const more = sum && {
    temporality: TEMPORALITIES[sum.aggregationTemporality ?? 0],
    isMonotonic: sum.isMonotonic ?? false,
  };
  return ((sum ?? gauge)?.dataPoints ?? []).map((point) => ({
    kind,
    ...more,
    ...common(point),
    value: Number(point.asInt ?? point.asDouble ?? 0),
    isInteger: point.asInt !== undefined,
  }));
}

function common({ attributes, startTimeUnixNano = 0, timeUnixNano = 0 }: Point) {
  return {
    attributes: toAttributes(attributes),
    startTimeUnixNano: BigInt(startTimeUnixNano),
    timeUnixNano: BigInt(timeUnixNano),
  };
}

function toAttributes(attributes: KeyValue[] = []): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value = {} }) => [
      key,
      value.intValue === undefined
        ? (value.stringValue ?? value.boolValue ?? value.doubleValue)
        : Number(value.intValue),
    ]),
  );
}
