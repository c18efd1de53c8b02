// The client's calls to the platform's API.
import assert from "node:assert/strict";
import test from "node:test";
import { ApiError, ConfigurationError, StepUpError, UnavailableError } from "@latchkey/client";
import { API, newServer, signedInClient } from "./support/stand_in.mjs";

const server = await newServer();
const client = await signedInClient(server);
const answering = (answer) => (server.handlers["/projects"] = answer);
const failure = (path, options) => client.apiCall(path, options).then(assert.fail, (error) => error);
const last = () => server.asked("/projects").at(-1);
const challenge = (value, status) => () => new Response(null, { status, headers: { "www-authenticate": value } });

// Covers: B27
test("a caller's headers reach the API, but no token other than the session's does", async () => {
  answering(({ headers }) => Response.json(Object.fromEntries(headers)));
  const variants = [
    { Authorization: "Bearer other", "X-Request-Id": "7" },
    [
      ["authorization", "Basic b3RoZXI="],
      ["AUTHORIZATION", "Bearer other"],
      ["x-request-id", "7"],
    ],
    new Headers({ authorization: "Bearer other", dpop: "proof", "x-request-id": "7" }),
  ];
  for (const headers of variants) {
    const saw = await client.apiCall("/projects", { headers });
    assert.match(saw.authorization, /^Bearer access-\d+$/);
    assert.deepEqual([saw.dpop, saw["x-request-id"], saw.accept], [undefined, "7", "application/json"]);
  }
});

test("the token goes to the API's address and nowhere else", async () => {
  const before = server.requests.length;
  const elsewhere = [
    "https://evil.test/projects",
    "http://api.test/projects",
    "https://api.test.evil.test/",
    "https://api.test@evil.test/",
    "data:text/plain,x",
  ];
  for (const path of elsewhere) await assert.rejects(client.apiCall(path), ConfigurationError, path);
  const versioned = await signedInClient(server, { api: `${API}/v1` });
  for (const path of ["../admin", "/../admin", "/%2e%2e/admin", `${API}/v10/projects`, `${API}/admin`])
    await assert.rejects(versioned.apiCall(path), ConfigurationError, path);
  const reached = [];
  for (const path of ["//evil.test/", "/@evil.test/", "\\\\evil.test\\"])
    await client.apiCall(path).catch(() => undefined);
  reached.push(...server.requests.slice(before).filter(({ path }) => path.includes("evil")));
  assert.equal(reached.length, 3, "as paths of the API");
});

test("paths are below the API's address, with their query, and whole addresses below it count too", async () => {
  const urls = [];
  const watching = { ...server, fetch: (url, init) => (urls.push(String(url)), server.fetch(url, init)) };
  const versioned = await signedInClient(watching, { api: `${API}/v1/` });
  urls.length = 0;
  for (const path of ["/projects?page=2", "projects", `${API}/v1/projects`, "?all=1", ""])
    await versioned.apiCall(path).catch(() => undefined);
  assert.deepEqual(
    urls,
    ["/projects?page=2", "/projects", "/projects", "/?all=1", "/"].map((path) => `${API}/v1${path}`),
  );
});

test("a redirect is not followed", async () => {
  answering(() => new Response(null, { status: 302, headers: { location: "https://evil.test/" } }));
  assert.deepEqual([(await failure("/projects")).code, last().redirect], ["http_302", "manual"]);
});

// Covers: B27
test("a 401 renews the token once and sends the call once more; a second one ends it", async () => {
  const sent = [];
  const record = ({ headers, method, form }) => sent.push([method, headers.get("authorization"), form.toString()]);
  answering(
    (request) => (
      record(request),
      sent.length > 1 ? Response.json({ ok: true }) : challenge('Bearer error="invalid_token"', 401)()
    ),
  );
  assert.deepEqual(await client.apiCall("/projects", { json: { name: "Boat" } }), { ok: true });
  assert.equal(sent.length, 2);
  assert.notEqual(sent[0][1], sent[1][1], "with another token");
  assert.deepEqual([sent[0][0], sent[0][2]], [sent[1][0], sent[1][2]], "the same call");

  sent.length = 0;
  const before = server.asked("/oauth/token").length;
  answering((request) => (record(request), new Response(null, { status: 401 })));
  const error = await failure("/projects");
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.status, error.code, sent.length], [401, "http_401", 2]);
  assert.equal(server.asked("/oauth/token").length, before + 1);
});

// Covers: B27
test("five calls that are refused at the same time renew the token once", async () => {
  const current = (await client.tokens()).accessToken;
  const before = server.asked("/oauth/token").length;
  answering(({ headers }) =>
    headers.get("authorization") === `Bearer ${current}`
      ? new Response(null, { status: 401 })
      : Response.json({ ok: true }),
  );
  const all = await Promise.all(Array.from({ length: 5 }, () => client.apiCall("/projects")));
  assert.deepEqual(all, Array(5).fill({ ok: true }));
  assert.equal(server.asked("/oauth/token").length, before + 1);
});

test("a stream is not sent twice", async () => {
  const before = server.asked("/projects").length;
  answering(() => new Response(null, { status: 401 }));
  const body = new Blob(["x"]).stream();
  assert.equal((await failure("/projects", { method: "PUT", body })).status, 401);
  assert.equal(server.asked("/projects").length, before + 1);
});

// Covers: B27
test("whatever an error of the API looks like, it is an error with a status and a code", async () => {
  const json = (value, type = "application/json") => [JSON.stringify(value), type];
  const cases = [
    [...json({ error: "invalid_request", error_description: "No name." }), "invalid_request", "No name."],
    [
      ...json({ type: "/problems/too-long", title: "Too long", detail: "At most 100." }, "application/problem+json"),
      "/problems/too-long",
      "At most 100.",
    ],
    [...json({ code: "E7", message: "Seven." }, "application/json; charset=utf-8"), "E7", "Seven."],
    [...json({ error: { nested: true } }), "http_422", undefined],
    [...json([1]), "http_422", undefined],
    [...json(null), "http_422", undefined],
    ["<h1>Bad</h1>", "text/html", "http_422", undefined],
    ['{"error":', "application/json", "http_422", undefined],
    ["", "application/json", "http_422", undefined],
    ["", undefined, "http_422", undefined],
  ];
  for (const [body, type, code, description] of cases) {
    answering(
      () => new Response(body, { status: 422, headers: { "retry-after": "7", ...(type && { "content-type": type }) } }),
    );
    const error = await failure("/projects");
    assert.ok(error instanceof ApiError, body);
    assert.deepEqual(
      [error.status, error.code, error.description, error.retryAfter],
      [422, code, description, 7],
      body,
    );
  }
});

// Covers: B27
test("an answer that is no JSON is text, an empty one nothing, and half a JSON an error", async () => {
  answering(() => new Response("a,b", { headers: { "content-type": "text/csv" } }));
  assert.equal(await client.apiCall("/projects"), "a,b");
  answering(() => new Response(null, { status: 204 }));
  assert.equal(await client.apiCall("/projects", { method: "DELETE" }), undefined);
  answering(() => new Response('{"half":', { headers: { "content-type": "application/json" } }));
  assert.deepEqual([(await failure("/projects")).code, (await failure("/projects")).status], ["not_json", 200]);
});

test("an API that wants more scopes or a newer sign-in says so in a type of its own, without a renewal", async () => {
  const before = server.asked("/oauth/token").length;
  const cases = [
    [
      403,
      'Bearer error="insufficient_scope", scope="write:projects read:team"',
      "insufficient_scope",
      ["write:projects", "read:team"],
      undefined,
    ],
    [403, 'DPoP algs="ES256", Bearer realm="a, b", error="insufficient_scope"', "insufficient_scope", [], undefined],
    [
      401,
      'Bearer error="insufficient_user_authentication", max_age="300"',
      "insufficient_user_authentication",
      [],
      300,
    ],
    [
      401,
      'Bearer error="insufficient_user_authentication", max_age="-1"',
      "insufficient_user_authentication",
      [],
      undefined,
    ],
  ];
  for (const [status, header, code, scopes, maxAge] of cases) {
    answering(challenge(header, status));
    const error = await failure("/projects");
    assert.ok(error instanceof StepUpError, header);
    assert.deepEqual([error.code, error.scopes, error.maxAge], [code, scopes, maxAge], header);
  }
  assert.equal(server.asked("/oauth/token").length, before);
  answering(challenge('Basic error="insufficient_scope", scope="all"', 403));
  assert.ok(!((await failure("/projects")) instanceof StepUpError), "a scheme that is not ours asks for nothing");
});

test("what an API wants more is asked for beside what was agreed to", async () => {
  const asked = async (header, status) => {
    answering(challenge(header, status));
    const url = new URL(await client.getAuthorizationUrl({ stepUp: await failure("/projects") }));
    return ["scope", "max_age", "prompt"].map((name) => url.searchParams.get(name));
  };
  const scope = await asked('Bearer error="insufficient_scope", scope="write:projects read:projects"', 403);
  assert.deepEqual(scope, ["read:projects write:projects", null, "consent"]);
  const recent = await asked('Bearer error="insufficient_user_authentication", max_age="300"', 401);
  assert.deepEqual(recent, ["read:projects", "300", null]);
  const anew = await asked('Bearer error="insufficient_user_authentication"', 401);
  assert.deepEqual(anew, ["read:projects", null, "login"]);
});

test("an API out of reach is told apart from a caller who gave up", async () => {
  answering(() => {
    throw new TypeError("fetch failed");
  });
  assert.ok((await failure("/projects")) instanceof UnavailableError);
  const cut = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) });
  answering(() => new Response(cut, { headers: { "content-type": "application/json" } }));
  assert.ok((await failure("/projects")) instanceof UnavailableError, "also in the middle of its answer");
  const given = new AbortController();
  answering(() => {
    throw given.signal.reason;
  });
  given.abort(new Error("enough"));
  assert.equal((await failure("/projects", { signal: given.signal })).message, "enough");
});
