import { Body, Controller, Get, NotFoundException, Param, Post } from '@nestjs/common';
import { type Order, OrderService } from './orders.service';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrderService) {}

  @Post()
  async place(@Body() order: Order): Promise<{ price: number }> {
    return { price: await this.orders.place(order) };
  }

  @Get(':id')
  find(@Param('id') id: string): Order {
    const order = this.orders.find(id);
    if (!order) throw new NotFoundException();
    return order;
  }
}
