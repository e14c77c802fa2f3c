import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../tracing/record-error';

/** A scrape, as it goes over HTTP. */
export interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly scrape: (accept: string | undefined) => Promise<Scrape>;
  readonly onProblem: (message: string) => void;
}

/** Serves the metrics on a port of their own, so that they need not be where the application's users are. */
export class MetricsServer {
  /** Where it listens; undefined where it could not. */
  readonly url: Promise<string | undefined>;
  private readonly server: Server;

  constructor(private readonly options: MetricsServerOptions) {
    this.server = createServer((request, response) => void this.serve(request, response));
    // Whoever wants to end need not wait for a scrape.
    this.server.unref();
    const { host, port, path } = options;
    this.url = new Promise((resolve) => {
      this.server.on('error', (error) => {
        options.onProblem(`the metrics cannot be served at ${host}:${port}: ${messageOf(error)}`);
        resolve(undefined);
      });
      this.server.listen({ host, port }, () => {
        const { address, family, port: given } = this.server.address() as AddressInfo;
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${given}${path}`);
      });
    });
  }

  /** Stops listening, and cuts off whoever is connected. */
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async serve({ url = '/', method, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, scrape } = this.options;
    const answer = (status: number, type: string, body: string, more: Record<string, string> = {}) => {
      const bytes = Buffer.from(body);
      response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...more });
      response.end(method === 'HEAD' ? undefined : bytes);
    };
    if (url.split('?')[0] !== path) return answer(404, TEXT, `the metrics are at ${path}\n`);
    if (method !== 'GET' && method !== 'HEAD') return answer(405, TEXT, 'only to be read\n', { allow: 'GET, HEAD' });
    try {
      const { contentType, body } = await scrape(headers.accept);
      answer(200, contentType, body);
    } catch (error) {
      answer(503, TEXT, `the metrics cannot be read: ${messageOf(error)}\n`);
    }
  }
}

const TEXT = 'text/plain; charset=utf-8';
