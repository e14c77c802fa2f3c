// Makes outgoing requests of every kind, to itself, in a process that `spanwright/register` has started telemetry in.
const { createServer, get } = require('node:http');

const server = createServer((request, response) => {
  if (request.url === '/breaks') request.socket.destroy();
  else response.writeHead(request.url === '/fails' ? 500 : 200).end('answer');
});

function plain(url) {
  return new Promise((resolve) => {
    get(url, (response) => response.resume().on('end', resolve)).on('error', resolve);
  });
}

async function viaFetch(url) {
  await fetch(url).then(
    (response) => response.text(),
    () => {},
  );
}

server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  for (const ask of [plain, viaFetch])
    for (const path of ['/well?page=2', '/fails', '/breaks']) await ask(`http://127.0.0.1:${port}${path}`);
  server.closeAllConnections();
  server.close();
});
