import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A port of its own in front of a collector: what goes to it arrives, or is refused as by a machine where nothing runs. */
export class Line {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly target: number,
    readonly port: number,
  ) {}

  /** @param endpoint `http://host:port` of the collector */
  static async to(endpoint: string): Promise<Line> {
    const probe = createServer();
    await once(probe.listen(0, '127.0.0.1'), 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    return new Line(Number(new URL(endpoint).port), port);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    this.server = createServer((here) => {
      const there = connect(this.target, '127.0.0.1');
      for (const [one, other] of [
        [here, there],
        [there, here],
      ] as const) {
        this.sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
  }

  /** Cuts off whoever is connected. */
  async down(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const isClosed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await isClosed;
  }
}
