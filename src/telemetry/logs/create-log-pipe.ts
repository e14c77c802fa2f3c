import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ExportConfig, OtlpTarget } from '../../config/telemetry-config';
import type { Sender } from '../export/span-sink';
import type { Redactor } from '../privacy/redactor';
import { LogPipe } from './log-pipe';

const GRPC_METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

/** @throws UserError where the endpoint, a header or a certificate cannot be used */
export function createLogPipe(
  target: OtlpTarget,
  redactor: Redactor,
  limits: ExportConfig,
  onProblem: (message: string) => void,
): LogPipe {
  const serializer = target.protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer;
  const sender = createSender(target);
  return new LogPipe({
    endpoint: new URL(target.endpoint).origin,
    sender,
    encode: (records: readonly ReadableLogRecord[]) => {
      const bytes = serializer.serializeRequest(records.map((record) => redactor.logRecord(record)));
      if (bytes === undefined) throw new Error('the records cannot be encoded');
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    limits,
    onProblem,
  });
}

/** Each is loaded only when it is wanted: gRPC is heavy. */
function createSender(target: OtlpTarget): Sender {
  if (target.protocol === 'grpc') {
    const { createGrpcSender } = require('../export/grpc-sender') as typeof import('../export/grpc-sender');
    return createGrpcSender(target, { method: GRPC_METHOD });
  }
  const { createHttpSender } = require('../export/http-sender') as typeof import('../export/http-sender');
  return createHttpSender(target);
}
