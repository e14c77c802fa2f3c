import type { HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

export type Attributes = Readonly<Record<string, unknown>>;
export type Resource = ReadableSpan['resource'];
/** The SDK's own type has no attributes yet. */
export type Scope = ReadableSpan['instrumentationScope'] & {
  readonly attributes?: Attributes;
  readonly droppedAttributesCount?: number;
};

/** Spans by the resource and the instrumentation scope that made them: OTLP says these once for all. */
export type GroupedSpans = Map<Resource, Map<Scope, ReadableSpan[]>>;

export function groupSpans(spans: readonly ReadableSpan[]): GroupedSpans {
  const resources: GroupedSpans = new Map();
  let resource: Resource | undefined;
  let scope: Scope | undefined;
  let group: ReadableSpan[] | undefined;
  for (const span of spans) {
    // Neighbours mostly have the same origin, and then nothing is looked up.
    if (group === undefined || span.instrumentationScope !== scope || span.resource !== resource) {
      resource = span.resource;
      scope = span.instrumentationScope;
      const scopes = resources.get(resource) ?? new Map<Scope, ReadableSpan[]>();
      group = scopes.get(scope) ?? [];
      resources.set(resource, scopes);
      scopes.set(scope, group);
    }
    group.push(span);
  }
  return resources;
}

/** The flags of a span or link as OTLP has them: those of W3C, whether more is known, and whether it came from elsewhere. */
export function spanFlags(traceFlags: number, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0);
}

/** Whether a number goes out as a whole one: 2^63 is the first that does not fit. */
export function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

/** Nanoseconds since the epoch, exact. What lies before it, or is no time at all, becomes 0. */
export function toNanoseconds([seconds, nanos]: HrTime): bigint {
  if (!Number.isFinite(seconds) || !Number.isFinite(nanos)) return 0n;
  const total = BigInt(Math.trunc(seconds)) * 1_000_000_000n + BigInt(Math.trunc(nanos));
  return total < 0n ? 0n : BigInt.asUintN(64, total);
}
