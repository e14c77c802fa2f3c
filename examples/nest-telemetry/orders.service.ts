import { ConflictException, Injectable } from '@nestjs/common';
import { Counted, Span, SpanAttribute, TelemetryService, Timed, Traced } from 'spanwright';

export interface Order {
  readonly id: string;
  readonly items: readonly string[];
}

/** Every method is a span: `StockService.reserve`. */
@Traced()
@Injectable()
export class StockService {
  private readonly left = new Map([
    ['tea', 10],
    ['cake', 1],
  ]);

  async reserve(items: readonly string[]): Promise<void> {
    for (const item of items) {
      const left = this.left.get(item) ?? 0;
      if (left === 0) throw new ConflictException(`no ${item} left`);
      this.left.set(item, left - 1);
    }
  }
}

/** Nothing is written on it: the module's `instrument` finds it, and `PriceService.total` is a span. */
@Injectable()
export class PriceService {
  total(items: readonly string[]): number {
    return items.length * 3;
  }
}

@Injectable()
export class OrderService {
  private readonly orders = new Map<string, Order>();

  constructor(
    private readonly stock: StockService,
    private readonly prices: PriceService,
    private readonly telemetry: TelemetryService,
  ) {}

  /** A span with a name of its own, attributes from the arguments and the result, a counter and a histogram. */
  @Span('order.place', (order: Order) => ({
    attributes: { 'order.id': order.id, 'order.items': order.items.length },
    onResult: (price: number) => ({ attributes: { 'order.price': price } }),
  }))
  @Counted('orders_total')
  @Timed('order_duration_seconds', { buckets: [0.001, 0.01, 0.1, 1] })
  async place(order: Order): Promise<number> {
    await this.stock.reserve(order.items);
    this.orders.set(order.id, order);
    this.telemetry.recordEvent('order.placed', { 'order.count': this.orders.size });
    return this.prices.total(order.items);
  }

  /** An argument that becomes an attribute. */
  @Span()
  find(@SpanAttribute('order.id') id: string): Order | undefined {
    return this.orders.get(id);
  }
}
