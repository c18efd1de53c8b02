import { randomInt } from "node:crypto";
import net from "node:net";

// Ports that nobody listens on, below those that systems hand out by themselves: else another process is given one before
// its Worker takes it, and wrangler neither serves nor ends.
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    // Above 10080, which `fetch` and browsers refuse to ask.
    const port = randomInt(10_100, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}
