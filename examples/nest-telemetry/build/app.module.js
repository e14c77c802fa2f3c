"use strict";
var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
Object.defineProperty(exports, "__esModule", { value: true });
exports.AppModule = void 0;
const node_path_1 = require("node:path");
const common_1 = require("@nestjs/common");
const spanwright_1 = require("spanwright");
const orders_controller_1 = require("./orders.controller");
const orders_service_1 = require("./orders.service");
let AppModule = class AppModule {
};
exports.AppModule = AppModule;
exports.AppModule = AppModule = __decorate([
    (0, common_1.Module)({
        imports: [
            // First: what is imported first stops last, so the last spans get out.
            spanwright_1.TelemetryModule.forRoot({
                serviceName: 'orders',
                instrument: true,
                // Without it, and without an endpoint in the environment, spans go to http://localhost:4318.
                spansFile: (0, node_path_1.join)(__dirname, 'spans.otlp.jsonl'),
            }),
            spanwright_1.HealthModule,
        ],
        controllers: [orders_controller_1.OrdersController],
        providers: [orders_service_1.OrderService, orders_service_1.PriceService, orders_service_1.StockService],
    })
], AppModule);
