import { once } from "node:events";
import { createServer } from "node:http";

/** Longer than the platform's page is good for. */
const PATIENCE = 11 * 60_000;

/**
 * Listens on a port that the system chooses (RFC 8252 §7.3), on the loopback address and no other.
 * @returns {Promise<Loopback>}
 * @typedef {object} Loopback
 * @property {string} redirectUri
 * @property {<T>(take: (address: string) => Promise<T | undefined>) => Promise<T>} wait offers each callback to `take`
 *   until it takes one or throws: any page can call this port, and what is not ours is `undefined` there. Rejects also
 *   when nobody comes
 * @property {() => void} close
 */
export async function listen() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  let timer;
  const origin = `http://127.0.0.1:${server.address().port}`;

  return {
    redirectUri: `${origin}/callback`,
    wait: (take) =>
      new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error("Nobody came back.")), PATIENCE);
        server.on("request", async (request, response) => {
          const { pathname } = new URL(request.url, origin);
          if (request.method !== "GET" || pathname !== "/callback")
            return answer(response, 404, "There is nothing here.");
          try {
            const taken = await take(origin + request.url);
            if (taken === undefined) return answer(response, 400, "Nobody has asked for this.");
            answer(response, 200, "You are connected. This window can be closed.");
            resolve(taken);
          } catch (error) {
            answer(response, 400, "Nothing was connected. This window can be closed.");
            reject(error);
          }
        });
      }),
    close() {
      clearTimeout(timer);
      server.close();
      server.closeIdleConnections();
    },
  };
}

function answer(response, status, words) {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", connection: "close" };
  response.writeHead(status, headers).end(words);
}
