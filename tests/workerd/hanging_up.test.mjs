// Callers who hang up before they have their answer: what they used is counted all the same. The platform ends a request whose
// caller is gone; workerd does so for callers that are Workers, which is why one stands in between here.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTestHarness } from "wrangler";
import { signedIn } from "./support/browser.mjs";
import { Latchkey, secrets, vars } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apps, loadPlatform, newUser } from "./support/platform.mjs";
import { assembleWorker, configPath } from "./support/worker_directory.mjs";

const HOST = "api.example";

// Hangs up when it is told to, or after the first bytes of the answer.
const HASTY = `
let hangUp;
export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/hang-up") {
      hangUp();
      return new Response();
    }
    const leaving = new AbortController();
    hangUp = () => leaving.abort();
    try {
      const answer = await env.LATCHKEY.fetch(request, { signal: leaving.signal });
      const reader = answer.body.getReader();
      await reader.read();
      await reader.cancel();
      return new Response("read some");
    } catch (error) {
      return new Response("hung up");
    }
  },
};`;

// What the API's server does: it holds "/v1/slow" until it is let go, and never ends "/v1/endless".
let arrive, letGo;
const arrived = new Promise((done) => (arrive = done));
const held = new Promise((done) => (letGo = done));
const upstream = http.createServer(async (request, answer) => {
  if (request.url === "/v1/slow") {
    arrive();
    await held;
    return answer.end("too late");
  }
  answer.writeHead(200).write("one");
  const more = setInterval(() => answer.write("more"), 20);
  request.socket.once("close", () => clearInterval(more));
});
upstream.listen(0, "127.0.0.1");
await once(upstream, "listening");

const folder = await mkdtemp(path.join(tmpdir(), "latchkey-hasty-"));
const hastyConfig = path.join(folder, "wrangler.toml");
await writeFile(path.join(folder, "worker.mjs"), HASTY);
await writeFile(
  hastyConfig,
  'name = "hasty"\nmain = "worker.mjs"\ncompatibility_date = "2026-11-17"\nservices = [{ binding = "LATCHKEY", service = "latchkey" }]\n',
);
const assembled = await assembleWorker();
const server = createTestHarness({
  workers: [{ configPath, prebuiltWorkerDir: assembled.directory, vars, secrets }, { configPath: hastyConfig }],
});
after(async () => {
  await server.close();
  upstream.closeAllConnections();
  upstream.close();
  await assembled.remove();
  await rm(folder, { recursive: true, force: true });
});
await server.listen();
const worker = server.getWorker("latchkey");
await worker.applyD1Migrations("DB");
const env = await worker.getEnv();
await loadPlatform(env.DB);
const latchkey = new Latchkey(server, worker, env);
await latchkey.run(
  "UPDATE apis SET resource = ?1, upstream = ?2, route_rules = ?3 WHERE id = 'api_projects'",
  `https://${HOST}`,
  `http://127.0.0.1:${upstream.address().port}`,
  JSON.stringify([{ path: "/v1/slow", scopes: ["read:projects"] }, { path: "/v1/endless", scopes: ["read:projects"] }]),
);
const browser = await signedIn(latchkey, await newUser(latchkey));
const { access_token } = await oauthClient(latchkey).connect(browser, apps.web, { scope: "read:projects" });
const hasty = (target) =>
  server.getWorker("hasty").fetch(`https://${HOST}${target}`, { headers: [["authorization", `Bearer ${access_token}`]] });

// The calls that are counted of a route, by their outcome.
async function counted(route) {
  const rows = await latchkey.rows("SELECT outcome, count FROM call_hours WHERE route = ?1", route);
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}

// Until there are any, and a while later still.
async function areCounted(route, expected) {
  const isThere = async () => Object.keys(await counted(route)).length > 0;
  for (const end = Date.now() + 30_000; Date.now() < end && !(await isThere()); ) await sleep(200);
  await sleep(3_000);
  assert.deepEqual(await counted(route), expected);
}

// Covers: R76
test("who hangs up while the API takes its time is counted once, by what the API answers", async () => {
  const call = hasty("/v1/slow");
  await arrived;
  await hasty("/hang-up");
  assert.equal(await (await call).text(), "hung up");
  await sleep(500);
  letGo();
  await areCounted("/v1/slow", { 200: 1 });
});

// Covers: R76
test("who hangs up in the middle of an answer is counted once", async () => {
  assert.equal(await (await hasty("/v1/endless")).text(), "read some");
  await areCounted("/v1/endless", { 200: 1 });
});
