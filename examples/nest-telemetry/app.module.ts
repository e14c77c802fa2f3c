import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { HealthModule, TelemetryModule } from 'spanwright';
import { OrdersController } from './orders.controller';
import { OrderService, PriceService, StockService } from './orders.service';

@Module({
  imports: [
    // First: what is imported first stops last, so the last spans get out.
    TelemetryModule.forRoot({
      serviceName: 'orders',
      instrument: true,
      // Without it, and without an endpoint in the environment, spans go to http://localhost:4318.
      spansFile: join(__dirname, 'spans.otlp.jsonl'),
    }),
    HealthModule,
  ],
  controllers: [OrdersController],
  providers: [OrderService, PriceService, StockService],
})
export class AppModule {}
