"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
/*
 * A Nest application with telemetry: traces, metrics, and the health of both.
 *
 *     node build/main.js           serves at http://localhost:3000, until it is stopped
 *     node build/main.js --demo    makes a few requests to itself, prints what they left, and ends
 */
require("reflect-metadata");
const core_1 = require("@nestjs/core");
const spanwright_1 = require("spanwright");
const app_module_1 = require("./app.module");
const demo_1 = require("./demo");
async function main() {
    const isDemo = process.argv.includes('--demo');
    const app = await core_1.NestFactory.create(app_module_1.AppModule, { bufferLogs: true, logger: isDemo ? ['error', 'warn'] : undefined });
    // Log lines say which trace they belong to.
    if (!isDemo)
        app.useLogger(app.get(spanwright_1.TraceLogger));
    app.enableShutdownHooks();
    await app.listen(isDemo ? 0 : (process.env.PORT ?? 3000), '127.0.0.1');
    if (isDemo)
        await (0, demo_1.demonstrate)(app);
    else
        console.log(`listening at ${await app.getUrl()}`);
}
void main();
