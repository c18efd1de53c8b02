// @latchkey/server in front of routes: Express, node:http, Hono and standard requests.
import assert from "node:assert/strict";
import { createServer, request as send } from "node:http";
import test from "node:test";
import { ConfigurationError, expressGuard, fetchGuard, honoGuard, Refusal, scoped } from "@latchkey/server";
import express from "express";
import { Hono } from "hono";
import { newGuard, newIssuer, request } from "./support/api_server.mjs";

const server = await newIssuer();
const guard = newGuard(server);
const SCOPE = "read:projects";

// Listens while a test runs, and is called with headers as they are written.
async function listening(t, handler) {
  const http = createServer(handler).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  t.after(() => http.close());
  return (path, headers = []) =>
    new Promise((resolve, reject) => {
      const call = send({ port: http.address().port, host: "127.0.0.1", path, agent: false });
      for (const [name, value] of headers) call.appendHeader(name, value);
      call.on("error", reject);
      call.on("response", async (response) => {
        let text = "";
        for await (const part of response) text += part;
        const isJson = /json/.test(response.headers["content-type"]);
        resolve({ status: response.statusCode, headers: response.headers, body: isJson ? JSON.parse(text) : text });
      });
      call.end();
    });
}

function expressApp() {
  const { requireScope, requireToken, authOf, refusals } = expressGuard(guard);
  const app = express();
  app.get("/who", requireScope(SCOPE), (request, response) => response.json(authOf(request)));
  app.get("/own", requireScope(SCOPE, { by: "app" }), (request, response) => response.json(request.auth));
  app.get("/any", requireToken({ by: "either" }), (request, response) => response.json(request.auth.by));
  app.get("/forgotten", (request, response) => response.json(authOf(request)));
  app.get("/throws", requireScope(SCOPE), () => {
    throw new Refusal("invalid_request", "limit is a whole number from 1");
  });
  app.get("/breaks", requireScope(SCOPE), () => {
    throw new Error("a secret of the inside");
  });
  const below = express.Router();
  below.get("/who", requireScope(SCOPE), (request, response) => response.json(authOf(request)));
  app.use("/v1", below);
  app.use(refusals);
  app.use((_error, _request, response, _next) => response.status(500).json({ error: "server_error" }));
  return app;
}

// Covers: R64, R65, R67
test("Express: a route is told who calls, and a refusal is answered with its challenge", async (t) => {
  const call = await listening(t, expressApp());
  const bearer = [["Authorization", `Bearer ${await server.token()}`]];
  const own = [["Authorization", `Bearer ${await server.ownToken()}`]];
  assert.equal((await call("/who", bearer)).body.userId, "usr_alice");
  assert.equal((await call("/v1/who?limit=1", bearer)).body.consentId, "cns_one");
  assert.equal((await call("/own", own)).body.clientId, "app_planner");
  assert.equal((await call("/any", own)).body, "app");
  const none = await call("/who");
  assert.deepEqual([none.status, none.body.error], [401, "token_required"]);
  assert.match(none.headers["www-authenticate"], /^Bearer resource_metadata="[^"]+", scope="read:projects"$/);
  assert.equal(none.headers["cache-control"], "no-store");
  assert.equal((await call("/who", own)).status, 403);
  assert.equal((await call("/own", bearer)).status, 403);
  const less = await call("/who", [["Authorization", `Bearer ${await server.token({ scope: "read:profile" })}`]]);
  assert.deepEqual([less.status, less.body.error], [403, "insufficient_scope"]);
  const { status, body } = await call("/throws", bearer);
  assert.deepEqual([status, body.error, body.message], [400, "invalid_request", "limit is a whole number from 1"]);
  assert.deepEqual((await call("/breaks", bearer)).body, { error: "server_error" });
  assert.equal((await call("/v1/who?access_token=a", bearer)).status, 400);
});

// Covers: B32
test("Node keeps the first of two Authorization headers and does not tell; the guard does", async (t) => {
  const call = await listening(t, expressApp());
  const token = await server.token();
  const { status, body } = await call("/who", [
    ["Authorization", `Bearer ${token}`],
    ["authorization", "Bearer another"],
  ]);
  assert.deepEqual([status, body.error], [400, "invalid_request"]);
});

// Covers: B34, B35
test("a route that forgets its guard gets no user", async (t) => {
  const call = await listening(t, expressApp());
  const answer = await call("/forgotten", [["Authorization", `Bearer ${await server.token()}`]]);
  assert.equal(answer.status, 500);
  const { requireScope } = expressGuard(guard);
  assert.throws(() => requireScope(undefined), ConfigurationError);
  assert.throws(() => honoGuard(guard).requireScope(), ConfigurationError);
  assert.throws(() => fetchGuard(guard).requireScope("", () => new Response()), ConfigurationError);
});

test("node:http alone is enough", async (t) => {
  const check = expressGuard(guard).requireScope(SCOPE);
  const call = await listening(t, (request, response) => check(request, response, () => response.end(request.auth.userId)));
  assert.equal((await call("/", [["Authorization", `Bearer ${await server.token()}`]])).body, "usr_alice");
  assert.equal((await call("/")).status, 401);
});

// Covers: R64, R65, R67
test("Hono: a route is told who calls, and a refusal is answered with its challenge", async () => {
  const { requireScope, requireToken } = honoGuard(guard);
  const app = new Hono();
  app.get("/v1/who", requireScope(SCOPE), (c) => c.json(c.get("auth")));
  app.get("/v1/any", requireToken({ by: "either" }), (c) => c.text(c.get("auth").by));
  app.get("/v1/throws", requireScope(SCOPE), () => {
    throw new Refusal("invalid_request", "limit is a whole number from 1");
  });
  const call = (path, token) => app.fetch(request(token, { path }));
  assert.equal((await (await call("/v1/who", await server.token())).json()).userId, "usr_alice");
  assert.equal(await (await call("/v1/any", await server.ownToken())).text(), "app");
  const none = await call("/v1/who");
  assert.equal(none.status, 401);
  assert.match(none.headers.get("www-authenticate"), /^Bearer resource_metadata="[^"]+", scope="read:projects"$/);
  assert.equal((await none.json()).error, "token_required");
  assert.equal((await call("/v1/who", await server.token({ scope: "" }))).status, 403);
  assert.equal((await call("/v1/who", await server.ownToken())).status, 403);
  assert.equal((await call("/v1/throws", await server.token())).status, 400);
});

// Covers: R64, R65, R67
test("standard requests: a handler is told who calls, and whatever the platform gives it", async () => {
  const { requireScope, requireToken } = fetchGuard(guard);
  const handler = requireScope(SCOPE, (request, auth, env) => Response.json([request.url, auth.userId, env]));
  const answer = await handler(request(await server.token()), { DB: 1 });
  assert.deepEqual(await answer.json(), ["https://api.test/v1/projects", "usr_alice", { DB: 1 }]);
  assert.equal((await handler(request())).status, 401);
  const any = requireToken((_request, auth) => new Response(auth.by), { by: "either" });
  assert.equal(await (await any(request(await server.ownToken()))).text(), "app");
  const throws = requireScope(SCOPE, () => {
    throw new Refusal("invalid_request", "no");
  });
  assert.equal((await throws(request(await server.token()))).status, 400);
  const breaks = requireScope(SCOPE, () => Promise.reject(new Error("inside")));
  await assert.rejects(breaks(request(await server.token())), /inside/);
});

// Covers: B31
test("an app's own token that a route lets in still leads to nobody's rows", async () => {
  const rowsOf = scoped({}, (_database, userId) => userId);
  const handler = fetchGuard(guard).requireScope(SCOPE, (_request, auth) => Response.json(rowsOf(auth)), { by: "either" });
  assert.equal((await handler(request(await server.ownToken()))).status, 403);
  assert.equal(await (await handler(request(await server.token()))).json(), "usr_alice");
});
