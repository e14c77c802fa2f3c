import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'protobufjs';

const proto = parse(readFileSync(join(__dirname, '../../support/otlp-trace.proto'), 'utf8')).root;
const request = proto.lookupType('otlp.ExportTraceServiceRequest');

/** All fields of a request, those too that are not on the wire as their value is the default. */
export function decodeRequest(bytes: Uint8Array): Record<string, unknown> {
  return request.toObject(request.decode(bytes), { longs: String, bytes: String, defaults: true, oneofs: true });
}

/** The same of a request in JSON, where ids are hexadecimal. */
export function decodeJsonRequest(bytes: Uint8Array): Record<string, unknown> {
  const withBytes = JSON.parse(Buffer.from(bytes).toString(), (key, value) =>
    /^(trace|span|parentSpan)Id$/.test(key) ? Buffer.from(value, 'hex').toString('base64') : value,
  );
  return decodeRequest(request.encode(request.fromObject(withBytes)).finish());
}

const answers = parse(`
  syntax = "proto3";
  message ExportResponse { PartialSuccess partial_success = 1; }
  message PartialSuccess { int64 rejected = 1; string error_message = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
`).root;

/** What a collector answers, in protobuf. */
export function encodeAnswer(type: 'ExportResponse' | 'Status' | 'RetryInfo', fields: Record<string, unknown>): Buffer {
  const message = answers.lookupType(type);
  return Buffer.from(message.encode(message.fromObject(fields)).finish());
}
