import { randomFillSync } from 'node:crypto';
import type { IdGenerator } from '@opentelemetry/sdk-trace-base';

/** Made many at a time: asking for random bytes, and writing them out, costs much more than the bytes. */
const pool = Buffer.alloc(4096);
let digits = '';
let at = 0;

function next(length: number): string {
  if (at + length > digits.length) {
    digits = randomFillSync(pool).toString('hex');
    at = 0;
  }
  const id = digits.slice(at, at + length);
  at += length;
  return id;
}

/** Random ids, 16 and 32 hexadecimal digits, never all zero. */
export const randomIds: IdGenerator = {
  generateSpanId(): string {
    const id = next(16);
    return id === '0000000000000000' ? this.generateSpanId() : id;
  },
  generateTraceId(): string {
    const id = next(32);
    return id === '00000000000000000000000000000000' ? this.generateTraceId() : id;
  },
};
