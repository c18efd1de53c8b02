// The gateway on workerd, in front of an API's server that tells what reaches it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { signedIn } from "./support/browser.mjs";
import { basic, claimsOf, oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

const HOST = "api.example";

// What the API's server does, by path; else it tells what it got.
const answers = {
  "/v1/redirect": (_, answer) => answer.writeHead(302, { location: "https://elsewhere.example/", "set-cookie": "a=b" }).end(),
  "/v1/zipped": (_, answer) => answer.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("zipped")),
  "/v1/empty": (_, answer) => answer.writeHead(204).end(),
  "/v1/same": (_, answer) => answer.writeHead(304, { etag: '"a"' }).end(),
  "/v1/own-challenge": (_, answer) => answer.writeHead(401, { "www-authenticate": "Bearer error=\"own\"" }).end(),
  "/v1/asked": (request, answer) => {
    asked = { method: request.method, url: request.url, headers: request.headers, body: "" };
    request.on("data", (chunk) => (asked.body += chunk));
    request.on("end", () => answer.writeHead(204, { "access-control-allow-origin": request.headers.origin }).end());
  },
  "/v1/slow": (_, answer) => setTimeout(() => answer.end("slow"), 200),
  "/v1/broken": (_, answer) => answer.writeHead(500).end(),
  "/v1/breaks": (request) => request.socket.destroy(),
  "/v1/cached": (_, answer) => answer.writeHead(200, { "cache-control": "public, max-age=600", "latchkey-user-id": "usr_x" }).end(String(++served)),
  "/v1/events": async (_, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: 1\n\n");
    await released;
    answer.end("data: 2\n\n");
  },
  "/v1/upload": (request, answer) => {
    request.once("data", () => answer.writeHead(200).flushHeaders());
    request.on("data", (chunk) => answer.write(chunk));
    request.on("end", () => answer.end());
  },
};
let served = 0;
let asked;
let release;
const released = new Promise((done) => (release = done));
const upstream = http.createServer((request, answer) => {
  const at = request.url.split("?")[0];
  if (answers[at]) return answers[at](request, answer);
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
});
upstream.listen(0, "127.0.0.1");
await once(upstream, "listening");

const home = await mkdtemp(path.join(tmpdir(), "latchkey-gateway-"));
const assembled = await assembleWorker();
const latchkey = await startOwnLatchkey(assembled, home, { quiet: true });
after(async () => {
  await latchkey.worker.stop();
  upstream.closeAllConnections();
  upstream.close();
  await assembled.remove();
  await rm(home, { recursive: true, force: true });
});

const { port: upstreamPort } = upstream.address();
const guard = (id, resource, upstream, rules) =>
  latchkey.run(
    "UPDATE apis SET resource = ?1, upstream = ?2, route_rules = ?3 WHERE id = ?4",
    resource,
    upstream,
    JSON.stringify(rules),
    id,
  );
await guard("api_projects", `https://${HOST}`, `http://127.0.0.1:${upstreamPort}`, [
  { path: "/v1/*", scopes: ["read:projects"] },
  { methods: ["GET"], path: "/v1/projects", scopes: ["read:projects"] },
  { methods: ["POST"], path: "/v1/projects", scopes: ["write:projects"] },
  { path: "/v1/status", public: true },
]);
// Nobody listens on port 9.
await guard("api_billing", "https://down.example", "http://127.0.0.1:9", [{ path: "/*", public: true }]);

const { connect, revoke } = oauthClient(latchkey);
const browser = await signedIn(latchkey, await newUser(latchkey));
const { access_token, refresh_token } = await connect(browser, apps.web, { scope: "read:projects" });
const bearer = { authorization: `Bearer ${access_token}` };

// A request as it is written here, header names and all; the answer as it comes, not read yet.
async function send(target, { method = "GET", headers = {}, body, host = HOST } = {}) {
  const asked = http.request({
    host: "127.0.0.1",
    port: latchkey.worker.port,
    method,
    path: target,
    headers: { host, ...headers },
    setHost: false,
  });
  if (body) await body(asked);
  else asked.end();
  const [answer] = await once(asked, "response");
  return answer;
}
async function textOf(answer) {
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return (answer.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
}
const ask = async (target, options) => {
  const answer = await send(target, options);
  return { status: answer.statusCode, headers: answer.headers, text: await textOf(answer) };
};

test("a call is passed on with who calls, and without its token", async () => {
  const { status, text, headers } = await ask("/v1/projects?limit=5&a=%2F", { headers: { ...bearer, accept: "a/b" } });
  assert.equal(status, 200);
  const got = JSON.parse(text);
  assert.deepEqual([got.method, got.url], ["GET", "/v1/projects?limit=5&a=%2F"]);
  const { sub, latchkey: family } = claimsOf(access_token);
  assert.equal(got.headers["latchkey-user-id"], sub);
  assert.equal(got.headers["latchkey-consent-id"], family.consent);
  assert.equal(claimsOf(got.headers["latchkey-identity"]).aud, `https://${HOST}`);
  assert.equal(got.headers.accept, "a/b");
  assert.equal(got.headers["x-forwarded-host"], HOST);
  assert.equal(got.headers.authorization, undefined);
  assert.ok(headers["x-request-id"]);
});

// Covers: B35
test("nothing that a client sends passes for who calls, for another address or for another method", async () => {
  const sent = {
    "latchkey-user-id": "usr_victim",
    Latchkey_User_Id: "usr_victim",
    "LATCHKEY-ANYTHING": "x",
    "x-original-url": "/admin",
    "x-rewrite-url": "/admin",
    "x-http-method-override": "DELETE",
    "x-forwarded-host": "evil.example",
    "x-forwarded-for": "127.0.0.1",
    forwarded: "for=127.0.0.1",
    cookie: "session=1",
    dpop: "x",
    "x-mine": "gone",
    connection: "x-mine",
  };
  const { text } = await ask("/v1/projects", { headers: { ...bearer, ...sent } });
  const { headers } = JSON.parse(text);
  assert.equal(headers["latchkey-user-id"], claimsOf(access_token).sub);
  for (const name of Object.keys(sent).filter((name) => !["latchkey-user-id", "x-forwarded-host", "connection"].includes(name)))
    assert.equal(headers[name.toLowerCase()], undefined, name);
  assert.equal(headers["x-forwarded-host"], HOST);
  const open = JSON.parse((await ask("/v1/status", { headers: { ...bearer, ...sent } })).text).headers;
  for (const name of Object.keys(open)) assert.ok(!/^(latchkey|authorization|cookie)/.test(name), name);
});

test("what is refused does not reach the API, and scripts may read why", async () => {
  const tries = [
    [401, "/v1/projects", {}],
    [403, "/v1/projects", { method: "POST", headers: bearer }],
    [404, "/admin", { headers: bearer }],
    [404, "/v1/../admin", { headers: bearer }],
    [405, "/v1/projects", { method: "DELETE", headers: bearer }],
    [400, "/v1//projects", { headers: bearer }],
    [400, "/v1%2fprojects", { headers: bearer }],
    [400, "/v1/projects", { headers: { ...bearer, upgrade: "websocket", connection: "upgrade" } }],
  ];
  for (const [expected, target, options] of tries) {
    const { status, headers } = await ask(target, options);
    assert.equal(status, expected, target);
    assert.equal(headers["access-control-allow-origin"], "*");
    assert.equal(headers["content-type"], "application/problem+json");
  }
  const { headers } = await ask("/v1/projects");
  assert.match(headers["www-authenticate"], /^Bearer resource_metadata=".*api\.example"/);
});

test("a path reaches the API as it was judged", async () => {
  for (const [sent, got] of [
    ["/v1/a/../projects", "/v1/projects"],
    ["/v1/%2e/projects", "/v1/projects"],
    ["/v1/caf%C3%A9", "/v1/caf%C3%A9"],
    ["/v1/A%20b", "/v1/A%20b"],
  ]) {
    assert.equal(JSON.parse((await ask(sent, { headers: bearer })).text).url, got, sent);
  }
});

test("bodies stream through, both ways and at the same time", async () => {
  const events = await send("/v1/events", { headers: bearer });
  const [first] = await once(events, "data");
  assert.equal(String(first), "data: 1\n\n");
  release();
  assert.equal(await textOf(events), "data: 2\n\n");

  // The first half comes back before the second is sent.
  let asked;
  const answer = await send("/v1/upload", {
    method: "PUT",
    headers: { ...bearer, "transfer-encoding": "chunked" },
    body: (request) => void (asked = request).write("one"),
  });
  const [echoed] = await once(answer, "data");
  assert.equal(String(echoed), "one");
  asked.end("two");
  assert.equal(await textOf(answer), "two");

  const large = Buffer.alloc(3_000_000, "a");
  const { text } = await ask("/v1/upload", { method: "PUT", headers: bearer, body: (request) => void request.end(large) });
  assert.equal(text.length, large.length);
});

test("answers come back as they are, but for cookies and what only we may say", async () => {
  const redirect = await ask("/v1/redirect", { headers: bearer });
  assert.deepEqual([redirect.status, redirect.headers.location], [302, "https://elsewhere.example/"]);
  assert.equal(redirect.headers["set-cookie"], undefined);
  assert.equal((await ask("/v1/empty", { headers: bearer })).status, 204);
  assert.equal((await ask("/v1/same", { headers: bearer })).status, 304);
  const head = await ask("/v1/projects", { method: "HEAD", headers: bearer });
  assert.deepEqual([head.status, head.text], [200, ""]);
  const zipped = await ask("/v1/zipped", { headers: { ...bearer, "accept-encoding": "gzip" } });
  assert.equal(zipped.text, "zipped");
  const own = await ask("/v1/own-challenge", { headers: bearer });
  assert.equal(own.headers["www-authenticate"], 'Bearer error="own"');
  const [one, two] = [await ask("/v1/cached", { headers: bearer }), await ask("/v1/cached", { headers: bearer })];
  assert.notEqual(one.text, two.text);
  assert.equal(one.headers["latchkey-user-id"], undefined);
});

test("servers that break or cannot be reached are a bad gateway", async () => {
  const broken = await ask("/v1/breaks", { headers: bearer });
  assert.deepEqual([broken.status, JSON.parse(broken.text).error], [502, "bad_gateway"]);
  const down = await ask("/", { host: "down.example" });
  assert.deepEqual([down.status, JSON.parse(down.text).error], [502, "bad_gateway"]);
});

// Covers: R75, R76, B42
test("a call is counted with the status and the time of the API's answer, and one without an answer as failed", async () => {
  const { access_token: token } = await connect(browser, apps.spa, { scope: "read:projects" });
  const own = { authorization: `Bearer ${token}` };
  const statuses = [];
  for (const target of ["/v1/marker1", "/v1/slow", "/v1/broken", "/v1/breaks", "/v1/projects"])
    statuses.push((await ask(target, { headers: own })).status);
  assert.deepEqual(statuses, [200, 200, 500, 502, 200]);
  const { client_id } = apps.spa;
  const rows = () =>
    latchkey.rows(
      `SELECT route, outcome, scopes, count, milliseconds, up_to_10 + up_to_25 + up_to_50 + up_to_100 + up_to_250 + up_to_500
              + up_to_1000 + up_to_2500 + up_to_10000 + longer AS timed FROM call_hours WHERE client_id = '${client_id}'`,
    );
  let found = [];
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((done) => setTimeout(done, 200))) {
    found = await rows();
    if (found.reduce((sum, { count }) => sum + count, 0) === 5) break;
  }
  // Over an hour's end, one kind of calls has two rows.
  const kinds = {};
  for (const { route, outcome, scopes, count, timed } of found) {
    assert.equal(timed, count, "each has its time");
    const kind = `${route} ${outcome} ${scopes}`;
    kinds[kind] = (kinds[kind] ?? 0) + count;
  }
  assert.deepEqual(kinds, {
    "/v1/* 200 read:projects": 2,
    "/v1/* 500 read:projects": 1,
    "/v1/* unanswered read:projects": 1,
    "/v1/projects 200 read:projects": 1,
  });
  const took = found.filter(({ route, outcome }) => route === "/v1/*" && outcome === "200");
  const milliseconds = took.reduce((sum, row) => sum + row.milliseconds, 0);
  assert.ok(milliseconds >= 150, `${milliseconds} ms of an answer that takes 200`);
});

test("a browser's question before a call is the API's to answer, where the call has a route", async () => {
  const question = { origin: "https://a.example", "access-control-request-method": "POST" };
  const preflight = (target, headers = {}, body) =>
    ask(target, { method: "OPTIONS", headers: { ...question, ...headers }, body });
  const { status, headers, text } = await preflight("/v1/asked?do=this", { "transfer-encoding": "chunked", "x-data": "a" }, (request) =>
    void request.end("a body that nobody has shown a token for"),
  );
  assert.deepEqual([status, text], [204, ""]);
  assert.equal(headers["access-control-allow-origin"], "https://a.example");
  assert.deepEqual([asked.method, asked.url, asked.body], ["OPTIONS", "/v1/asked", ""]);
  for (const name of ["x-data", "latchkey-identity"]) assert.equal(asked.headers[name], undefined, name);
  // Nor does anything but status and fields come back.
  const told = await preflight("/v1/projects");
  assert.deepEqual([told.status, told.text, told.headers["content-type"]], [200, "", "application/json"]);
  assert.equal((await preflight("/admin")).status, 404);
  assert.equal((await ask("/v1/projects", { method: "OPTIONS", headers: { "access-control-request-method": "POST" } })).status, 405);
});

test("Latchkey's own address, and one of nobody, have Latchkey's own endpoints", async () => {
  for (const host of ["localhost:8787", "nobody.example"]) {
    assert.equal((await ask("/healthz", { host })).status, 200, host);
    assert.equal((await ask("/v1/projects", { host, headers: bearer })).status, 404, host);
  }
});

test("a question that names its call by the request line is about the path that was sent", async () => {
  const { client_id, secret } = apis.projects.credential;
  const headers = { ...bearer, "latchkey-authorization": basic(client_id, secret) };
  const verify = (path) => ask(`/oauth/verify${path}`, { host: "localhost:8787", headers });
  assert.equal((await verify("/v1/projects?a=b")).status, 200);
  for (const path of ["/v1/admin/../projects", "/v1/%2e/projects", "/v1/%2E%2e/v1/projects", "/v1\\projects"])
    assert.equal((await verify(path)).status, 400, path);
  for (const path of ["/../../healthz", "/../verify/../../healthz", "/%2e%2e/jwks"])
    assert.equal((await verify(path)).status, 403, path);
});

// Covers: B33
test("what was taken back does not reach the API any more", async () => {
  await revoke(apps.web, refresh_token);
  await new Promise((done) => setTimeout(done, 5100));
  const { status, text } = await ask("/v1/projects", { headers: bearer });
  assert.deepEqual([status, JSON.parse(text).reason], [401, "consent_revoked"]);
});
