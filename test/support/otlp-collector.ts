import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Server as GrpcServer, ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js';
import { parse } from 'protobufjs';

export type Attributes = Record<string, unknown>;

/** `kind` and `status.code` are OTLP's numbers: kind 1 is internal, 2 server, 3 client; code 1 is ok, 2 error. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: Attributes;
  events: { name: string; timeUnixNano: bigint; attributes: Attributes }[];
  links: { traceId: string; spanId: string; attributes: Attributes }[];
  status: { code: number; message: string };
  resource: Attributes;
  scope: string;
}

export type Behaviour = 'accept' | 'refuse' | 'hang';

const ANSWERS = {
  accepted: { http: 200, grpc: status.OK },
  malformed: { http: 400, grpc: status.INVALID_ARGUMENT },
  refused: { http: 503, grpc: status.UNAVAILABLE },
};

/** A trace collector to export to: OTLP over gRPC, and over HTTP as protobuf and as JSON. */
export class OtlpCollector {
  behaviour: Behaviour = 'accept';
  /** Every export call that reached the collector, whatever the answer. */
  requests = 0;
  /** The spans of the accepted requests. */
  readonly spans: ReceivedSpan[] = [];
  private stopped: Promise<unknown> | undefined;

  private constructor(
    private readonly grpc: GrpcServer,
    private readonly http: HttpServer,
    readonly grpcEndpoint: string,
    readonly httpEndpoint: string,
  ) {}

  static async start(): Promise<OtlpCollector> {
    const grpc = new GrpcServer();
    const http = createServer();
    const grpcPort = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const { port } = http.address() as AddressInfo;
    const collector = new OtlpCollector(grpc, http, `http://127.0.0.1:${grpcPort}`, `http://127.0.0.1:${port}`);
    collector.serve();
    return collector;
  }

  /** Closes both servers, cutting off whoever is connected. */
  async stop(): Promise<void> {
    this.stopped ??= Promise.all([
      new Promise<void>((resolve) => {
        // Only tryShutdown tells when all is closed, and only forceShutdown ends the calls that were left hanging.
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
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    } as const;
    this.grpc.addService(
      { Export: method },
      {
        Export: ({ request }: { request: Buffer }, callback: sendUnaryData<Buffer>) => {
          const answer = this.receive(() => decodeProtobuf(request));
          if (answer === 'accepted') callback(null, Buffer.alloc(0));
          else if (answer) callback({ code: ANSWERS[answer].grpc, details: answer });
        },
      },
    );
    this.http.on('request', (request, response) => {
      // The body breaks off when its sender is killed.
      this.serveHttp(request, response).catch(() => response.destroy());
    });
  }

  private async serveHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const contentType = request.headers['content-type']?.split(';')[0] ?? '';
    const encoding = request.headers['content-encoding'] ?? 'identity';
    const body = await buffer(request);
    if (request.url !== '/v1/traces') return void response.writeHead(404).end();
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const decode = DECODERS[contentType];
    if (!decode || !['gzip', 'identity'].includes(encoding)) return void response.writeHead(415).end();
    const answer = this.receive(() => decode(encoding === 'gzip' ? gunzipSync(body) : body));
    if (!answer) return;
    response.writeHead(ANSWERS[answer].http, { 'content-type': contentType });
    response.end(contentType === 'application/json' ? '{}' : '');
  }

  /** @returns what to answer, or undefined for never to */
  private receive(decode: () => TracesData): keyof typeof ANSWERS | undefined {
    this.requests++;
    if (this.behaviour === 'hang') return undefined;
    if (this.behaviour === 'refuse') return 'refused';
    try {
      for (const span of toSpans(decode())) this.spans.push(span);
      return 'accepted';
    } catch {
      return 'malformed';
    }
  }
}

/** Reads the OTLP file format: in each line one request, as JSON. */
export function readOtlpFile(path: string): ReceivedSpan[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').flatMap((line) => toSpans(JSON.parse(line)));
}

/** `children` has an entry for every span; `roots` are those whose parent is not among the spans. */
export function tree(spans: readonly ReceivedSpan[]): {
  children: Map<string, ReceivedSpan[]>;
  roots: ReceivedSpan[];
} {
  const children = new Map<string, ReceivedSpan[]>(spans.map(({ spanId }) => [spanId, []]));
  const roots: ReceivedSpan[] = [];
  for (const span of spans) (children.get(span.parentSpanId) ?? roots).push(span);
  return { children, roots };
}

// What protobuf and JSON decode to: the same fields, all of them optional, but ids are hex and bytes base64 in JSON.
type Bytes = Uint8Array | string;
type Int64 = string | number;

interface TracesData {
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] };
    scopeSpans?: { scope?: { name?: string }; spans?: Span[] }[];
  }[];
}

interface Span {
  traceId?: Bytes;
  spanId?: Bytes;
  parentSpanId?: Bytes;
  traceState?: string;
  name?: string;
  kind?: number;
  startTimeUnixNano?: Int64;
  endTimeUnixNano?: Int64;
  attributes?: KeyValue[];
  events?: { name?: string; timeUnixNano?: Int64; attributes?: KeyValue[] }[];
  links?: { traceId?: Bytes; spanId?: Bytes; attributes?: KeyValue[] }[];
  status?: { code?: number; message?: string };
}

interface KeyValue {
  key: string;
  value?: AnyValue;
}

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: Int64;
  doubleValue?: number | string;
  arrayValue?: { values?: AnyValue[] };
  kvlistValue?: { values?: KeyValue[] };
  bytesValue?: Bytes;
}

const proto = parse(readFileSync(join(__dirname, 'otlp-trace.proto'), 'utf8')).root;
const requestType = proto.lookupType('otlp.ExportTraceServiceRequest');

function decodeProtobuf(bytes: Uint8Array): TracesData {
  return requestType.toObject(requestType.decode(bytes), { longs: String });
}

const DECODERS: Record<string, (bytes: Buffer) => TracesData> = {
  'application/x-protobuf': decodeProtobuf,
  'application/json': (bytes) => JSON.parse(bytes.toString()),
};

function toSpans({ resourceSpans = [] }: TracesData): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => ({
        traceId: toId(span.traceId, 16),
        spanId: toId(span.spanId, 8),
        parentSpanId: span.parentSpanId?.length ? toId(span.parentSpanId, 8) : '',
        traceState: span.traceState ?? '',
        name: span.name ?? '',
        kind: span.kind ?? 0,
        startTimeUnixNano: BigInt(span.startTimeUnixNano ?? 0),
        endTimeUnixNano: BigInt(span.endTimeUnixNano ?? 0),
        attributes: toAttributes(span.attributes),
        events: (span.events ?? []).map(({ name = '', timeUnixNano = 0, attributes }) => ({
          name,
          timeUnixNano: BigInt(timeUnixNano),
          attributes: toAttributes(attributes),
        })),
        links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({
          traceId: toId(traceId, 16),
          spanId: toId(spanId, 8),
          attributes: toAttributes(attributes),
        })),
        status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
        resource: toAttributes(resource?.attributes),
        scope: scope?.name ?? '',
      })),
    ),
  );
}

function toId(id: Bytes = '', byteLength: number): string {
  const hex = typeof id === 'string' ? id.toLowerCase() : Buffer.from(id).toString('hex');
  if (hex.length !== 2 * byteLength || !/^[0-9a-f]+$/.test(hex))
    throw new Error(`not an id of ${byteLength} bytes: ${hex}`);
  return hex;
}

function toAttributes(attributes: KeyValue[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(value: AnyValue = {}): unknown {
  if (value.intValue != null) return Number(value.intValue);
  if (value.doubleValue != null) return Number(value.doubleValue);
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(toValue);
  if (value.kvlistValue) return toAttributes(value.kvlistValue.values);
  if (value.bytesValue != null) {
    return new Uint8Array(
      typeof value.bytesValue === 'string' ? Buffer.from(value.bytesValue, 'base64') : value.bytesValue,
    );
  }
  return value.stringValue ?? value.boolValue ?? null;
}
