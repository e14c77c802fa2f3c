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

export interface ReceivedLog {
  /** Empty where the record belongs to no span. */
  traceId: string;
  spanId: string;
  flags: number;
  timeUnixNano: bigint;
  observedTimeUnixNano: bigint;
  severityNumber: number;
  severityText: string;
  body: unknown;
  attributes: Attributes;
  resource: Attributes;
  scope: string;
}

/** How a request came in. */
export interface ReceivedRequest {
  protocol: 'grpc' | 'http/protobuf' | 'http/json';
  /** Headers over HTTP, metadata over gRPC. */
  headers: Record<string, unknown>;
}

const ANSWERS = {
  accepted: { http: 200, grpc: status.OK },
  malformed: { http: 400, grpc: status.INVALID_ARGUMENT },
  refused: { http: 503, grpc: status.UNAVAILABLE },
};

/** A collector for logs to export to: OTLP over gRPC, and over HTTP as protobuf and as JSON. */
export class OtlpLogsCollector {
  behaviour: Behaviour = 'accept';
  /** Every export call that reached the collector, whatever the answer. */
  readonly requests: ReceivedRequest[] = [];
  /** The records of the accepted requests. */
  readonly logs: ReceivedLog[] = [];
  private readonly waiting = new Set<() => void>();
  private stopped: Promise<unknown> | undefined;

  private constructor(
    private readonly grpc: GrpcServer,
    private readonly http: HttpServer,
    readonly grpcEndpoint: string,
    readonly httpEndpoint: string,
  ) {}

  /** @param ports of an earlier one that is back; any that are free, where none are given */
  static async start({ grpcPort = 0, httpPort = 0 } = {}): Promise<OtlpLogsCollector> {
    const grpc = new GrpcServer();
    const http = createServer();
    const boundPort = await new Promise<number>((resolve, reject) => {
      grpc.bindAsync(`127.0.0.1:${grpcPort}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    await once(http.listen(httpPort, '127.0.0.1'), 'listening');
    const { port } = http.address() as AddressInfo;
    const collector = new OtlpLogsCollector(
      grpc,
      http,
      `http://127.0.0.1:${boundPort}`,
      `http://127.0.0.1:${port}/v1/logs`,
    );
    collector.serve();
    return collector;
  }

  /** Resolves when a condition holds, which is asked again after every request. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  /** Closes both servers, cutting off whoever is connected. */
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
      path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
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
          const answer = this.receive({ protocol: 'grpc', headers: metadata.getMap() }, () => decodeProtobuf(request));
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
    const { headers, url, method } = request;
    const contentType = headers['content-type']?.split(';')[0] ?? '';
    const encoding = headers['content-encoding'] ?? 'identity';
    const body = await buffer(request);
    if (url !== '/v1/logs') return void response.writeHead(404).end();
    if (method !== 'POST') return void response.writeHead(405).end();
    const protocol = contentType === 'application/json' ? 'http/json' : 'http/protobuf';
    const decode = contentType === 'application/x-protobuf' ? decodeProtobuf : decodeJson;
    const answer = this.receive({ protocol, headers }, () => decode(encoding === 'gzip' ? gunzipSync(body) : body));
    if (!answer) return;
    response.writeHead(ANSWERS[answer].http, { 'content-type': contentType });
    response.end(protocol === 'http/json' ? '{}' : '');
  }

  /** @returns what to answer, or undefined for never to */
  private receive(request: ReceivedRequest, decode: () => LogsData): keyof typeof ANSWERS | undefined {
    this.requests.push(request);
    try {
      if (this.behaviour === 'hang') return undefined;
      if (this.behaviour === 'refuse') return 'refused';
      this.logs.push(...toLogs(decode()));
      return 'accepted';
    } catch {
      return 'malformed';
    } finally {
      for (const wake of this.waiting) wake();
      this.waiting.clear();
    }
  }
}

// What protobuf and JSON decode to: the same fields, all of them optional, but ids are hex and bytes base64 in JSON.
type Bytes = Uint8Array | string;
type Int64 = string | number;

interface LogsData {
  resourceLogs?: {
    resource?: { attributes?: KeyValue[] };
    scopeLogs?: { scope?: { name?: string }; logRecords?: LogRecord[] }[];
  }[];
}

interface LogRecord {
  timeUnixNano?: Int64;
  observedTimeUnixNano?: Int64;
  severityNumber?: number;
  severityText?: string;
  body?: AnyValue;
  attributes?: KeyValue[];
  flags?: number;
  traceId?: Bytes;
  spanId?: Bytes;
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

const proto = parse(readFileSync(join(__dirname, 'otlp-logs.proto'), 'utf8')).root;
const requestType = proto.lookupType('otlp.ExportLogsServiceRequest');

function decodeProtobuf(bytes: Uint8Array): LogsData {
  return requestType.toObject(requestType.decode(bytes), { longs: String });
}

function decodeJson(bytes: Buffer): LogsData {
  return JSON.parse(bytes.toString());
}

function toLogs({ resourceLogs = [] }: LogsData): ReceivedLog[] {
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) =>
      logRecords.map((record) => ({
        traceId: toId(record.traceId, 16),
        spanId: toId(record.spanId, 8),
        flags: record.flags ?? 0,
        timeUnixNano: BigInt(record.timeUnixNano ?? 0),
        observedTimeUnixNano: BigInt(record.observedTimeUnixNano ?? 0),
        severityNumber: record.severityNumber ?? 0,
        severityText: record.severityText ?? '',
        body: toValue(record.body),
        attributes: toAttributes(record.attributes),
        resource: toAttributes(resource?.attributes),
        scope: scope?.name ?? '',
      })),
    ),
  );
}

function toId(id: Bytes = '', byteLength: number): string {
  if (id.length === 0) return '';
  const hex = typeof id === 'string' ? id.toLowerCase() : Buffer.from(id).toString('hex');
  if (hex.length !== 2 * byteLength || !/^[0-9a-f]+$/.test(hex)) throw new Error(`not an id: ${hex}`);
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
