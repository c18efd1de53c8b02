// Somebody else's server on this machine that receives webhooks: it answers as it is told to, in turn, and keeps what came.
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";

export async function startReceiver() {
  const answers = [];
  const received = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    received.push({ method, url, headers, body });
    const answer = answers.shift() ?? { status: 204 };
    if (answer.hangs) return;
    response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    received,
    answer: (...next) => answers.push(...next),
    // The next so many that have come, and no more.
    async take(count) {
      for (let waited = 0; received.length < count; waited += 50) {
        if (waited > 10_000) throw new Error(`${received.length} of ${count} came`);
        await new Promise((done) => setTimeout(done, 50));
      }
      return received.splice(0);
    },
  };
}
