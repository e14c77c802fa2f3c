// Sends requests over a number of kept connections until there were enough, and counts the answers that are as they should be. argv: port, requests, connections.
import { connect } from 'node:net';

const [port, requests, connections] = process.argv.slice(2).map(Number);
const request = Buffer.from('GET /cats/7 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n\r\n');
let sent = 0;
let right = 0;
await Promise.all(
  Array.from(
    { length: connections },
    () =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => next());
        let text = '';
        const next = () => {
          if (sent >= requests) return socket.end(resolve);
          sent += 1;
          socket.write(request);
        };
        socket.on('error', reject);
        socket.setNoDelay(true);
        socket.on('data', (data) => {
          text += data.toString('latin1');
          if (!text.endsWith('{"id":"7","name":"Tom"}')) return;
          if (text.startsWith('HTTP/1.1 200')) right += 1;
          text = '';
          next();
        });
      }),
  ),
);
if (right !== requests) throw new Error(`${right} of ${requests} requests were answered`);
