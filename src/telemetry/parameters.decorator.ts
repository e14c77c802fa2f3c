import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Baggage as BaggageEntries, context, propagation, type Span, trace } from '@opentelemetry/api';

/**
 * The span that a controller's method runs in, as an argument; `undefined` without telemetry.
 *
 * @example
 * ```ts
 * @Get()
 * list(@CurrentSpan() span?: Span) { span?.setAttribute('cats.count', 3); }
 * ```
 */
export const CurrentSpan = createParamDecorator((_data: unknown, _context: ExecutionContext): Span | undefined =>
  trace.getSpan(context.active()),
);

/**
 * Baggage that came with the request, as an argument: one entry's value by its key, or without a key all of it. `undefined` where it is not there.
 *
 * @example
 * ```ts
 * @Get()
 * list(@Baggage('tenant') tenant?: string) { … }
 * ```
 */
export const Baggage = createParamDecorator(
  (key: string | undefined, _context: ExecutionContext): BaggageEntries | string | undefined => {
    const baggage = propagation.getBaggage(context.active());
    return key === undefined ? baggage : baggage?.getEntry(key)?.value;
  },
);
