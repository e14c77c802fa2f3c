"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.demonstrate = demonstrate;
const node_fs_1 = require("node:fs");
const node_path_1 = require("node:path");
const spanwright_1 = require("spanwright");
/** Makes a few requests, ends the application, and prints what they left: the trace, some metrics, the health of telemetry. */
async function demonstrate(app) {
    const url = await app.getUrl();
    const telemetry = app.get(spanwright_1.TelemetryService);
    const order = (id, items) => fetch(`${url}/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id, items }),
    });
    const traceId = await telemetry.tracing.within('demo', {}, async () => {
        await order('a', ['tea', 'cake']);
        await order('b', ['cake']);
        await fetch(`${url}/orders/a`);
        return telemetry.traceId;
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const health = (await (await fetch(`${url}/health/telemetry`)).json());
    await app.close();
    printTrace(readSpans().filter((span) => span.traceId === traceId));
    for (const line of metrics.split('\n'))
        if (/^(orders|http_requests)_total/.test(line))
            console.log(line);
    console.log(`telemetry is ${health.status}`);
}
/** The OTLP file format: each line is an export request in JSON. */
function readSpans() {
    const lines = (0, node_fs_1.readFileSync)((0, node_path_1.join)(__dirname, 'spans.otlp.jsonl'), 'utf8').trim().split('\n');
    return lines.flatMap((line) => JSON.parse(line).resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap(({ spans }) => spans)));
}
function printTrace(spans, parent = '', indent = '') {
    for (const { name, spanId, status } of spans.filter((span) => (span.parentSpanId ?? '') === parent)) {
        console.log(`${indent}${name}${status.code === 2 ? ' (error)' : ''}`);
        printTrace(spans, spanId, `${indent}  `);
    }
}
