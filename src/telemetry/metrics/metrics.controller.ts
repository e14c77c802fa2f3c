import { Controller, Get, Headers, Inject, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { messageOf } from '../tracing/record-error';
import { METRICS_RUNTIME } from './metrics.options';
import type { MetricsRuntime } from './metrics-runtime';

/** What Express and Fastify have in common. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: Buffer): unknown;
}

/**
 * Makes the controller that serves the metrics. It takes the {@link METRICS_RUNTIME}.
 *
 * Whoever can reach the application can read them: they hold routes, tools and types of sessions, but nothing of what is in
 * them. A global prefix and global guards hold for it as for every controller.
 *
 * @param path such as `/metrics`
 */
export function metricsController(path: string): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  class MetricsController {
    constructor(@Inject(METRICS_RUNTIME) private readonly runtime: MetricsRuntime) {}

    // By hand, and as bytes: else interceptors wrap it, and Express orders the content type's parameters anew.
    @Get()
    async scrape(@Headers('accept') accept: string | undefined, @Res() reply: Reply): Promise<void> {
      const answer = (status: number, type: string, body: string) =>
        void reply.status(status).header('content-type', type).send(Buffer.from(body));
      const { enabled, isScraped } = this.runtime;
      if (!enabled) return answer(404, TEXT, 'metrics are switched off\n');
      if (!isScraped) return answer(404, TEXT, "metrics are not served: there is no exporter 'prometheus'\n");
      try {
        const { contentType, body } = await this.runtime.scrape(accept);
        answer(200, contentType, body);
      } catch (error) {
        answer(503, TEXT, `the metrics cannot be read: ${messageOf(error)}\n`);
      }
    }
  }
  return MetricsController;
}

const TEXT = 'text/plain; charset=utf-8';
