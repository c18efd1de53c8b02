// How the client keeps its tokens: what it does when they end, and when answers are lost or strange.
import assert from "node:assert/strict";
import test from "node:test";
import { memoryStorage, SignInRequiredError, TokenError, UnavailableError } from "@latchkey/client";
import { LatchkeyService } from "@latchkey/client/server";
import { API, callbackOf, ended, newClient, newServer, signedInClient } from "./support/stand_in.mjs";

const NO_WAIT = { "retry-after": "0" };
const refreshes = (server) =>
  server.asked("/oauth/token").filter(({ form }) => form.get("grant_type") === "refresh_token");
const refusal = (error, status = 400) => Response.json({ error, error_description: "No." }, { status });

// A server whose first tokens have ended already, and a client that has them.
async function withEndedTokens(changes) {
  const server = await newServer();
  const renew = server.handlers["/oauth/token"];
  server.handlers["/oauth/token"] = ended;
  const client = await signedInClient(server, changes);
  server.handlers["/oauth/token"] = renew;
  return { server, client, renew };
}

// Covers: B26
test("the next refresh token is stored before the access token is used", async () => {
  const steps = [];
  const kept = memoryStorage();
  const storage = { ...kept, set: async (key, value) => (await kept.set(key, value), steps.push(value)) };
  const { server, client } = await withEndedTokens({ storage });
  steps.length = 0;
  server.handlers["/projects"] = () => (steps.push("called"), Response.json([]));
  await client.apiCall("/projects");
  assert.equal(steps.length, 2);
  assert.match(steps[0], /refresh-1/);
  assert.equal(steps[1], "called");
});

// Covers: B26
test("a successor that could not be stored is not used, and is asked for again with the same token", async () => {
  const kept = memoryStorage();
  let full = false;
  const storage = {
    ...kept,
    set(key, value) {
      if (full) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
  };
  const { server, client } = await withEndedTokens({ storage });
  full = true;
  await assert.rejects(client.apiCall("/projects"), { name: "QuotaExceededError" });
  assert.equal(server.asked("/projects").length, 0);
  full = false;
  await client.apiCall("/projects");
  assert.deepEqual(
    refreshes(server).map(({ form }) => form.get("refresh_token")),
    ["refresh-first", "refresh-first"],
  );
});

// Covers: B26
test("a refresh is asked again with the same token while its reply may be lost, and then given up without loss", async () => {
  const lost = {
    "the connection broke": () => {
      throw new TypeError("fetch failed");
    },
    "the answer was cut off": () =>
      new Response('{"access_token":"acc', { headers: { "content-type": "application/json" } }),
    "something in between answered": () => new Response("<h1>Bad gateway</h1>", { status: 502, headers: NO_WAIT }),
    "the server is busy": () => Response.json({ error: "temporarily_unavailable" }, { status: 503, headers: NO_WAIT }),
  };
  for (const [name, answer] of Object.entries(lost)) {
    const { server, client, renew } = await withEndedTokens();
    let left = 1;
    server.handlers["/oauth/token"] = () => (left-- > 0 ? answer() : renew());
    assert.deepEqual(await client.apiCall("/projects"), { saw: "Bearer access-1" }, name);
    assert.deepEqual(
      refreshes(server).map(({ form }) => form.get("refresh_token")),
      ["refresh-first", "refresh-first"],
      name,
    );
  }
  const { server, client, renew } = await withEndedTokens();
  server.handlers["/oauth/token"] = () => Response.json({}, { status: 503, headers: { "retry-after": "120" } });
  await assert.rejects(
    client.apiCall("/projects"),
    (error) => error instanceof UnavailableError && error.retryAfter === 120,
  );
  assert.equal(refreshes(server).length, 1, "who is asked to wait for minutes does not keep everybody waiting");
  server.handlers["/oauth/token"] = renew;
  assert.ok(await client.apiCall("/projects"));
});

// Covers: B26
test("whoever waits for a refresh shares its failure, too: a server that is down is not asked by everybody", async () => {
  const { server, client } = await withEndedTokens();
  server.handlers["/oauth/token"] = () => new Response(null, { status: 503, headers: { "retry-after": "120" } });
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => client.apiCall("/projects")));
  assert.ok(all.every(({ reason }) => reason instanceof UnavailableError));
  assert.equal(refreshes(server).length, 1);
});

// Covers: B26
test("a code whose reply is lost is not sent again", async () => {
  const server = await newServer();
  const client = newClient(server);
  server.handlers["/oauth/token"] = () => {
    throw new TypeError("fetch failed");
  };
  const url = new URL(await client.getAuthorizationUrl());
  const callback = `https://app.test/callback?code=c&state=${url.searchParams.get("state")}&iss=${server.issuer}`;
  await assert.rejects(client.exchangeCodeForTokens(callback), UnavailableError);
  assert.equal(server.asked("/oauth/token").length, 1);
});

test("a refused refresh token is not sent again, and the user has to sign in", async () => {
  const { server, client } = await withEndedTokens();
  server.handlers["/oauth/token"] = () => refusal("invalid_grant");
  await assert.rejects(
    client.apiCall("/projects"),
    (error) => error instanceof SignInRequiredError && error.code === "invalid_grant",
  );
  assert.equal(refreshes(server).length, 1);
  assert.equal(await client.tokens(), undefined);
});

test("a refused app keeps its tokens: it may be let in again", async () => {
  for (const [error, status] of [
    ["invalid_client", 401],
    ["unauthorized_client", 400],
  ]) {
    const { server, client } = await withEndedTokens();
    server.handlers["/oauth/token"] = () => refusal(error, status);
    await assert.rejects(client.tokens(), (reason) => reason instanceof TokenError && reason.code === error);
    await assert.rejects(client.tokens(), TokenError);
    assert.equal(refreshes(server).length, 2);
  }
});

// Covers: B26
test("who loses the race to a program that takes no turns uses what that one has stored", async () => {
  const storage = memoryStorage();
  const { server, client } = await withEndedTokens({ storage });
  const key = `latchkey:app_planner:${API}:default:tokens`;
  server.handlers["/oauth/token"] = () => {
    const others = {
      accessToken: "access-other",
      refreshToken: "refresh-other",
      expiresAt: Date.now() + 600_000,
      scopes: [],
    };
    storage.set(key, JSON.stringify(others));
    return refusal("invalid_grant");
  };
  assert.deepEqual(await client.apiCall("/projects"), { saw: "Bearer access-other" });
  assert.equal(JSON.parse(storage.get(key)).refreshToken, "refresh-other");
});

test("tokens are renewed half a minute before they end, and not sooner", async (t) => {
  const server = await newServer();
  const client = await signedInClient(server);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 569_000 });
  assert.deepEqual(await client.apiCall("/projects"), { saw: "Bearer access-1" });
  t.mock.timers.tick(2_000);
  assert.deepEqual(await client.apiCall("/projects"), { saw: "Bearer access-2" });
});

test("an answer that leaves the refresh token or the scopes out has not changed them", async () => {
  const { server, client } = await withEndedTokens();
  server.handlers["/oauth/token"] = () =>
    Response.json({ access_token: "access-next", token_type: "Bearer", expires_in: 600 });
  assert.deepEqual((await client.refreshAccessToken()).scopes, ["read:projects"]);
  await client.refreshAccessToken();
  assert.deepEqual(
    refreshes(server).map(({ form }) => form.get("refresh_token")),
    ["refresh-first", "refresh-first"],
  );
});

test("tokens that are replaced by a new sign-in are revoked, and a failure of that does not matter", async () => {
  const server = await newServer();
  const client = await signedInClient(server);
  const signInAgain = async () => client.exchangeCodeForTokens(callbackOf(server, await client.getAuthorizationUrl()));
  await signInAgain();
  assert.deepEqual(
    server.asked("/oauth/revoke").map(({ form }) => form.get("token")),
    ["refresh-1"],
  );
  server.handlers["/oauth/revoke"] = () => refusal("invalid_client", 401);
  assert.ok((await signInAgain()).tokens);
});

test("two clients for two APIs share a storage and not their tokens", async () => {
  const server = await newServer();
  const storage = memoryStorage();
  const one = await signedInClient(server, { storage });
  const other = newClient(server, { storage, api: "https://other.test" });
  await assert.rejects(other.apiCall("/projects"), SignInRequiredError);
  const url = await one.getAuthorizationUrl();
  await assert.rejects(other.exchangeCodeForTokens(callbackOf(server, url)), { code: "unknown_state" });
  assert.ok(await one.apiCall("/projects"));
});

test("a service keeps its token as long as it is good, apart from one with other scopes", async () => {
  const server = await newServer();
  const storage = memoryStorage();
  const service = (...scopes) =>
    new LatchkeyService({
      issuer: server.issuer,
      clientId: "app_job",
      clientSecret: "lks_x",
      api: API,
      fetch: server.fetch,
      storage,
      scopes,
    });
  const calls = [service("a", "b"), service("b", "a"), service("a"), service()].map(
    (one) => () => one.apiCall("/projects"),
  );
  for (const call of [...calls, ...calls]) await call();
  const asked = server
    .asked("/oauth/token")
    .map(({ form }) => [form.get("grant_type"), form.get("scope"), form.get("resource")]);
  assert.deepEqual(
    asked,
    ["a b", "a", null].map((scope) => ["client_credentials", scope, API]),
  );
});

test("sign-out waits for a refresh under way and ends what came of it", async () => {
  const { server, client, renew } = await withEndedTokens();
  let signingOut;
  server.handlers["/oauth/token"] = () => {
    signingOut = client.signOut();
    return renew();
  };
  await client.refreshAccessToken();
  assert.deepEqual(await signingOut, { revoked: true });
  assert.deepEqual(
    server.asked("/oauth/revoke").map(({ form }) => form.get("token")),
    ["refresh-1"],
  );
  assert.equal(await client.tokens(), undefined);
});

test("sign-out forgets the tokens also where the server refuses, and says so", async () => {
  const server = await newServer();
  const client = await signedInClient(server);
  server.handlers["/oauth/revoke"] = () => refusal("invalid_client", 401);
  assert.deepEqual(await client.signOut(), { revoked: false });
  assert.equal(await client.tokens(), undefined);
  assert.deepEqual(await client.signOut(), { revoked: true }, "there is nothing left");
});

test("what others have written into the storage is no token", async () => {
  for (const text of ["", "null", "[]", "{", '"text"', '{"accessToken":7,"scopes":[]}', '{"scopes":["a"]}']) {
    const server = await newServer();
    const storage = memoryStorage();
    storage.set(`latchkey:app_planner:${API}:default:tokens`, text);
    await assert.rejects(newClient(server, { storage }).apiCall("/projects"), SignInRequiredError, text);
    assert.equal(server.requests.length, 0);
  }
});
