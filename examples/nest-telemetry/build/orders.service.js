"use strict";
var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
var __metadata = (this && this.__metadata) || function (k, v) {
    if (typeof Reflect === "object" && typeof Reflect.metadata === "function") return Reflect.metadata(k, v);
};
var __param = (this && this.__param) || function (paramIndex, decorator) {
    return function (target, key) { decorator(target, key, paramIndex); }
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.OrderService = exports.PriceService = exports.StockService = void 0;
const common_1 = require("@nestjs/common");
const spanwright_1 = require("spanwright");
/** Every method is a span: `StockService.reserve`. */
let StockService = class StockService {
    left = new Map([
        ['tea', 10],
        ['cake', 1],
    ]);
    async reserve(items) {
        for (const item of items) {
            const left = this.left.get(item) ?? 0;
            if (left === 0)
                throw new common_1.ConflictException(`no ${item} left`);
            this.left.set(item, left - 1);
        }
    }
};
exports.StockService = StockService;
exports.StockService = StockService = __decorate([
    (0, spanwright_1.Traced)(),
    (0, common_1.Injectable)()
], StockService);
/** Nothing is written on it: the module's `instrument` finds it, and `PriceService.total` is a span. */
let PriceService = class PriceService {
    total(items) {
        return items.length * 3;
    }
};
exports.PriceService = PriceService;
exports.PriceService = PriceService = __decorate([
    (0, common_1.Injectable)()
], PriceService);
let OrderService = class OrderService {
    stock;
    prices;
    telemetry;
    orders = new Map();
    constructor(stock, prices, telemetry) {
        this.stock = stock;
        this.prices = prices;
        this.telemetry = telemetry;
    }
    /** A span with a name of its own, attributes from the arguments and the result, a counter and a histogram. */
    async place(order) {
        await this.stock.reserve(order.items);
        this.orders.set(order.id, order);
        this.telemetry.recordEvent('order.placed', { 'order.count': this.orders.size });
        return this.prices.total(order.items);
    }
    /** An argument that becomes an attribute. */
    find(id) {
        return this.orders.get(id);
    }
};
exports.OrderService = OrderService;
__decorate([
    (0, spanwright_1.Span)('order.place', (order) => ({
        attributes: { 'order.id': order.id, 'order.items': order.items.length },
        onResult: (price) => ({ attributes: { 'order.price': price } }),
    })),
    (0, spanwright_1.Counted)('orders_total'),
    (0, spanwright_1.Timed)('order_duration_seconds', { buckets: [0.001, 0.01, 0.1, 1] }),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [Object]),
    __metadata("design:returntype", Promise)
], OrderService.prototype, "place", null);
__decorate([
    (0, spanwright_1.Span)(),
    __param(0, (0, spanwright_1.SpanAttribute)('order.id')),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [String]),
    __metadata("design:returntype", Object)
], OrderService.prototype, "find", null);
exports.OrderService = OrderService = __decorate([
    (0, common_1.Injectable)(),
    __metadata("design:paramtypes", [StockService,
        PriceService,
        spanwright_1.TelemetryService])
], OrderService);
