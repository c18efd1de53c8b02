// The check of a call by @latchkey/server, against made-up keys: who gets in, and what is said to who does not.
import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { ConfigurationError, createGuard, scopeNeeded, tokenNeeded } from "@latchkey/server";
import { exportJWK, generateKeyPair } from "jose";
import { API, echo, newGuard, newIssuer, outcome, READ, REGION, request, SECRET } from "./support/api_server.mjs";

const server = await newIssuer();
const guard = newGuard(server);
const metadata = `${server.issuer}/oauth/resource-metadata?resource=${encodeURIComponent(API)}`;

// Covers: R64
test("a good call goes on with who and what is behind it", async () => {
  const token = await server.token();
  const { iat, exp } = JSON.parse(atob(token.split(".")[1]));
  const { auth } = await outcome(guard, request(token));
  assert.deepEqual(auth, {
    by: "user",
    userId: "usr_alice",
    consentId: "cns_one",
    user: undefined,
    clientId: "app_planner",
    developerId: "dev_one",
    scopes: ["read:projects", "write:projects", "read:profile"],
    tokenType: "third_party",
    issuedAt: iat,
    expiresAt: exp,
  });
  assert.throws(() => auth.scopes.push("admin"), TypeError);
  assert.throws(() => (auth.userId = "usr_ben"), TypeError);
});

// Covers: R64
test("the platform's own record of the user is in the context, if it has a way to find it", async () => {
  const found = newGuard(server, { findUser: async (id) => ({ id, name: "Alice" }) });
  assert.deepEqual((await outcome(found, request(await server.token()))).auth.user, { id: "usr_alice", name: "Alice" });
});

// Covers: R65
test("a route's scopes are asked for, all of them", async () => {
  const token = await server.token({ scope: "read:projects" });
  const both = scopeNeeded(["read:projects", "write:projects"]);
  const refused = await outcome(guard, request(token), both);
  assert.deepEqual([refused.status, refused.error], [403, "insufficient_scope"]);
  assert.ok(refused.challenge.startsWith(`Bearer resource_metadata="${metadata}", scope="read:projects write:projects", error="insufficient_scope"`));
  assert.ok((await outcome(guard, request(token))).auth);
  assert.ok((await outcome(guard, request(await server.token({ scope: "" })), tokenNeeded())).auth);
  // A name that contains another one is another name.
  assert.equal((await outcome(guard, request(await server.token({ scope: "read:projects2" })))).status, 403);
});

// Covers: B35
test("a scope that is misspelt in the code stops the start, and opens no route", () => {
  for (const scope of [undefined, null, "", [], ["read:projects", undefined], "two words", 'a"b', 7])
    assert.throws(() => scopeNeeded(scope), ConfigurationError, String(scope));
  assert.throws(() => scopeNeeded("read", "users"), ConfigurationError);
});

// Covers: B31
test("an app's own token is no user's, unless the route says so", async () => {
  const own = await server.ownToken();
  const refused = await outcome(guard, request(own));
  assert.deepEqual([refused.status, refused.error], [403, "insufficient_scope"]);
  const { auth } = await outcome(guard, request(own), scopeNeeded("read:projects", "app"));
  assert.deepEqual([auth.by, auth.userId, auth.consentId, auth.clientId], ["app", null, null, "app_planner"]);
  assert.equal((await outcome(guard, request(own), scopeNeeded("read:projects", "either"))).auth.by, "app");
  const users = await server.token();
  assert.equal((await outcome(guard, request(users), scopeNeeded("read:projects", "app"))).status, 403);
});

// Covers: B31
test("a token that is half a user's and half an app's is none", async () => {
  const reference = { app_epoch: 1, shard: 5, family: "f", consent: "c" };
  for (const claims of [
    { sub: "app_planner" }, // as the app itself, with a user's reference
    { latchkey: { app_epoch: 1 } }, // a user without one
    ...["shard", "family", "consent"].map((part) => ({ latchkey: { ...reference, [part]: undefined } })),
    { latchkey: { ...reference, app_epoch: undefined } },
    { latchkey: { ...reference, shard: -1 } },
    { latchkey: undefined },
    { latchkey: "cns_one" },
  ]) {
    const { error, reason } = await outcome(guard, request(await server.token(claims)));
    assert.deepEqual([error, reason], ["invalid_token", "invalid_token"], JSON.stringify(claims));
  }
});

const now = () => Math.floor(Date.now() / 1000);
const REFUSED = {
  "alg none": async () => {
    const [header, payload] = (await server.token()).split(".");
    const none = { ...JSON.parse(Buffer.from(header, "base64url")), alg: "none" };
    return `${Buffer.from(JSON.stringify(none)).toString("base64url")}.${payload}.`;
  },
  "HMAC with the public key": async () =>
    server.token({}, { alg: "HS256" }, new TextEncoder().encode(JSON.stringify(server.requests))),
  "a published key of an algorithm that is not on the list": () =>
    server.token({}, { alg: "Ed25519", kid: "key-0" }, server.otherPrivateKey),
  "typ JWT, as an ID token has": () => server.token({}, { typ: "JWT" }),
  "no typ": () => server.token({}, { typ: undefined }),
  "a list of the feed": () => server.token({}, { typ: "latchkey-revocations+jwt" }),
  "no kid": () => server.token({}, { kid: undefined }),
  "an unknown kid": () => server.token({}, { kid: "key-2" }),
  "another issuer": () => server.token({ iss: "https://evil.test" }),
  "the issuer with a slash": () => server.token({ iss: `${server.issuer}/` }),
  expired: () => server.token({ exp: now() - 6 }),
  "no expiry": () => server.token({ exp: undefined }),
  "no subject": () => server.token({ sub: undefined }),
  "a subject that is no text": () => server.token({ sub: 7 }),
  "no app": () => server.token({ client_id: undefined }),
  "no jti": () => server.token({ jti: undefined }),
  "scopes as a list": () => server.token({ scope: ["read:projects"] }),
  "bound to something else than a key": () => server.token({ cnf: { "x5t#S256": "a" } }),
  "another key": async () => server.token({}, {}, (await generateKeyPair("ES256")).privateKey),
  "a changed payload": async () => {
    const [header, , signature] = (await server.token()).split(".");
    return [header, (await server.token({ sub: "usr_ben" })).split(".")[1], signature].join(".");
  },
  garbage: () => "not.a.token",
  "a refresh token": () => `lkr_${"x".repeat(80)}`,
};

for (const [name, make] of Object.entries(REFUSED))
  // Covers: B29, R67
  test(`what is not an access token of this issuer, alive, is refused: ${name}`, async () => {
    const { status, error, reason, challenge } = await outcome(guard, request(await make()));
    assert.deepEqual([status, error, reason], [401, "invalid_token", "invalid_token"]);
    assert.match(challenge, /^Bearer resource_metadata="[^"]+", scope="read:projects", error="invalid_token", /);
  });

// Covers: B29
test("an algorithm that was taken from the list is not accepted any more", async () => {
  const strict = newGuard(server, { algorithms: ["RS256"] });
  assert.equal((await outcome(strict, request(await server.token()))).status, 401);
  assert.throws(() => newGuard(server, { algorithms: ["HS256"] }), ConfigurationError);
  assert.throws(() => newGuard(server, { algorithms: [] }), ConfigurationError);
});

// An issuer that signs access tokens with RS256, and everything else, as Latchkey does, with ES256.
async function issuerOfBoth() {
  const both = await newIssuer();
  const rsa = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(rsa.publicKey)), kid: "key-2", alg: "RS256", use: "sig" };
  const own = both.handlers["/.well-known/jwks.json"];
  both.handlers["/.well-known/jwks.json"] = async () => {
    const { keys } = await own().json();
    return Response.json({ keys: [...keys, jwk] });
  };
  const header = { alg: "RS256", kid: "key-2" };
  both.byRsa = (claims = {}, more = {}) => both.token(claims, { ...header, ...more }, rsa.privateKey);
  both.signWithRsa = () => {
    const es256 = both.list;
    both.list = async (region, after) => {
      const claims = JSON.parse(atob((await es256(region, after)).split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
      return both.byRsa({ ...claims, app_type: undefined, developer_id: undefined }, { typ: "latchkey-revocations+jwt" });
    };
  };
  return both;
}

// Covers: B29, B33
test("where access tokens are RS256 alone, the list of what was taken back and identities stay ES256 and count", async () => {
  const both = await issuerOfBoth();
  const strict = newGuard(both, { algorithms: ["RS256"] });
  const token = await both.byRsa({ jti: "jti-one" });
  const { auth } = await outcome(strict, request(token));
  assert.equal(auth?.userId, "usr_alice");
  assert.equal((await outcome(strict, request(await both.token()))).status, 401);
  both.cut("token", "jti-one");
  assert.equal((await outcome(newGuard(both, { algorithms: ["RS256"] }), request(token))).reason, "consent_revoked");
  // A list or an identity by another algorithm is none, whatever tokens may be.
  const behind = newGuard(both, { algorithms: ["RS256"], gateway: true });
  const claims = { ...IDENTITY, exp: now() + 60, app_type: undefined, latchkey: undefined, jti: undefined };
  const typ = "latchkey-identity+jwt";
  assert.ok((await outcome(behind, through(await both.token(claims, { typ })))).auth);
  assert.equal((await outcome(behind, through(await both.byRsa(claims, { typ })))).error, "invalid_token");
  both.signWithRsa();
  assert.equal((await outcome(newGuard(both), request(token))).error, "temporarily_unavailable");
});

// Covers: B29
test("an option that is misspelt, or of a kind that would switch a check off or stretch it, stops the start", () => {
  for (const changes of [
    { findUsers: async () => undefined },
    { algorithm: ["ES256"] },
    { revokation: "introspection" },
    { findUser: null },
    { findUser: { usr_alice: true } },
    { replays: null },
    { replays: new Map() },
    { gateway: "false" },
    { gateway: 1 },
    { gateway: null },
    { revocation: null },
    { revocation: "off" },
    { revocation: false },
    { algorithms: "ES256" },
    { algorithms: null },
    { algorithms: ["none"] },
    { algorithms: ["ES256", "HS256"] },
    { clockTolerance: "60" },
    { clockTolerance: "1h" },
    { clockTolerance: null },
    { clockTolerance: [5] },
    { clockTolerance: Number.NaN },
    { clockTolerance: 61 },
    { clockTolerance: -1 },
    { resource: [API, "https://other.test"] },
    { resource: [API] },
    { issuer: [server.issuer] },
    { publicOrigin: "http://api.test" },
    { credential: {} },
    { credential: { clientId: "a", clientSecret: "undefined" } },
  ])
    assert.throws(() => newGuard(server, changes), ConfigurationError, JSON.stringify(changes));
});

// Covers: B30
test("the audience is this API's address, letter for letter", async () => {
  for (const aud of [
    "api.test",
    "https://api.test",
    `${API}/`,
    `${API}/projects`,
    "https://api.test.evil/v1",
    ["https://other.test"],
    [],
    undefined,
  ]) {
    const { status, error } = await outcome(guard, request(await server.token({ aud })));
    assert.deepEqual([status, error], [401, "invalid_token"], String(aud));
  }
  assert.ok((await outcome(guard, request(await server.token({ aud: ["https://other.test", API] })))).auth);
  assert.throws(() => newGuard(server, { resource: "api.test" }), ConfigurationError);
});

// Covers: B32
test("a call without a token is told how to get one, and no error", async () => {
  for (const call of [request(), request("a2V5", { scheme: "Basic" }), request("", { headers: { authorization: "" } })]) {
    const { status, error, challenge } = await outcome(guard, call);
    assert.deepEqual([status, error], [401, "token_required"]);
    assert.equal(challenge, `Bearer resource_metadata="${metadata}", scope="read:projects"`);
  }
});

// Covers: B32
test("the name of the scheme may be in any case", async () => {
  for (const scheme of ["bearer", "BEARER", "BeArEr "])
    assert.ok((await outcome(guard, request(await server.token(), { scheme }))).auth, scheme);
});

// Covers: B32
test("a token in the query, two tokens, and what is no token are no proper call", async () => {
  const token = await server.token();
  const twice = new Headers([
    ["authorization", `Bearer ${token}`],
    ["authorization", `Bearer ${token}`],
  ]);
  for (const [what, call] of Object.entries({
    query: request(token, { path: `/v1/projects?access_token=${token}` }),
    "query alone": request(undefined, { path: `/v1/projects?a=1&access%5Ftoken=${token}` }),
    twice: new Request("https://api.test/v1/projects", { headers: twice }),
    comma: request(`${token}, Bearer ${token}`),
    words: request(`${token} ${token}`),
    none: request(""),
    quoted: request(`"${token}"`),
    long: request("a".repeat(20_000)),
  })) {
    const { status, error, challenge } = await outcome(guard, call);
    assert.deepEqual([status, error], [400, "invalid_request"], what);
    assert.match(challenge, /error="invalid_request"/, what);
  }
});

// Covers: R67
test("the refusals have the names of the platform's documents, beside those of the standard", async () => {
  const own = await newIssuer();
  const strict = newGuard(own, { findUser: async () => null });
  const token = (claims) => own.token(claims).then((text) => outcome(strict, request(text)));
  const reason = async (claims) => {
    const { status, error, reason, challenge } = await token(claims);
    assert.match(challenge, /error="invalid_token"/);
    return [status, error, reason];
  };
  own.cutApp("app_gone", 2);
  own.cut("consent", "cns_gone");
  assert.deepEqual(await reason({ client_id: "app_gone" }), [401, "invalid_token", "invalid_client"]);
  const gone = { app_epoch: 1, shard: REGION * 256, family: "f", consent: "cns_gone" };
  assert.deepEqual(await reason({ latchkey: gone }), [401, "invalid_token", "consent_revoked"]);
  assert.deepEqual(await reason({}), [401, "invalid_token", "invalid_user"]);
  assert.deepEqual(await reason({ exp: now() - 60 }), [401, "invalid_token", "invalid_token"]);
});

// Covers: R67, B36
test("an answer that refuses is JSON that nobody keeps, and names nobody", async () => {
  const token = await server.token();
  const answer = await echo(guard, "write:everything")(request(token));
  const text = await answer.text();
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const detail = "the token lacks a scope that this needs: ask the user for it";
  assert.deepEqual(JSON.parse(text), {
    ...{ title: "Forbidden", status: 403, error: "insufficient_scope", detail, message: detail },
    scope: "write:everything",
  });
  for (const secret of ["usr_alice", "app_planner", "cns_one", token]) {
    assert.ok(!text.includes(secret));
    assert.ok(!JSON.stringify([...answer.headers]).includes(secret));
  }
});

test("a clock that is off by more than was agreed to is minded, by less is not", async () => {
  const over = await server.token({ exp: now() - 20 });
  assert.equal((await outcome(guard, request(over))).status, 401);
  assert.ok((await outcome(newGuard(server, { clockTolerance: 30 }), request(over))).auth);
  for (const clockTolerance of [-1, 61, Number.NaN, "5s"])
    assert.throws(() => newGuard(server, { clockTolerance }), ConfigurationError);
});

test("where the keys are out of reach, nobody is let in and no token is called bad", async () => {
  for (const [what, break_] of Object.entries({
    "no network": (own) => (own.handlers["/.well-known/jwks.json"] = () => Promise.reject(new TypeError("lost"))),
    "an error": (own) => (own.handlers["/.well-known/jwks.json"] = () => new Response("", { status: 500 })),
    "no set": (own) => (own.handlers["/.well-known/jwks.json"] = () => new Response("<html>")),
    "no metadata": (own) => (own.handlers["/.well-known/oauth-authorization-server"] = () => new Response("", { status: 404 })),
    "another's metadata": (own) =>
      (own.handlers["/.well-known/oauth-authorization-server"] = () =>
        Response.json({ issuer: "https://evil.test", jwks_uri: `${own.issuer}/.well-known/jwks.json`, introspection_endpoint: "https://evil.test" })),
    "a redirect": (own) => (own.handlers["/.well-known/jwks.json"] = () => Response.redirect("https://evil.test/")),
  })) {
    const own = await newIssuer();
    break_(own);
    const faults = [];
    const { status, error, refusal, challenge } = await outcome(
      newGuard(own, { onFault: (what) => faults.push(what) }),
      request(await own.token()),
    );
    assert.deepEqual([status, error, challenge], [503, "temporarily_unavailable", undefined], what);
    assert.equal(refusal.headers["retry-after"], "1");
    assert.deepEqual(faults, ["keys"], what);
  }
});

test("a key that is new at the issuer is found, and keys are asked for once however many call", async () => {
  const own = await newIssuer();
  const fresh = newGuard(own);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => own.token()));
  const all = await Promise.all(tokens.map((token) => outcome(fresh, request(token))));
  assert.ok(all.every(({ auth }) => auth));
  assert.equal(own.asked("/.well-known/jwks.json").length, 1);
  assert.equal(own.asked("/.well-known/oauth-authorization-server").length, 1);
  assert.equal(own.asksOfFeed.length, 1);
});

test("options that cannot work or are not safe stop the start", () => {
  const good = { issuer: "https://auth.test", resource: API };
  for (const changes of [
    { issuer: "http://auth.test" },
    { issuer: "auth.test" },
    { issuer: "https://auth.test/?a" },
    { issuer: undefined },
    { resource: "http://api.test" },
    { resource: `${API}#a` },
    { revocation: "none" },
    { revocation: "introspection" },
    { revocation: "stream" },
    { credential: { clientId: "apc_one", clientSecret: "undefined" } },
    { credential: { clientId: "apc_one" } },
    { resourceMetadata: 'https://a.test/", realm="' },
  ])
    assert.throws(() => createGuard({ ...good, ...changes }), ConfigurationError, JSON.stringify(changes));
  createGuard({ ...good, credential: SECRET, revocation: "introspection" });
});

test("metadata that cannot be renewed stay good", async () => {
  const own = await newIssuer();
  const kept = newGuard(own);
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    assert.ok((await outcome(kept, request(await own.token()))).auth);
    own.handlers["/.well-known/oauth-authorization-server"] = () => new Response("", { status: 500 });
    mock.timers.tick(601_000);
    // jose keeps its own time for the keys.
    assert.ok((await outcome(kept, request(await own.token()), READ)).auth);
  } finally {
    mock.timers.reset();
  }
});

const IDENTITY = {
  subject_type: "user",
  consent_id: "cns_one",
  token_type: "Bearer",
  token_id: "one",
  token_issued_at: 1_000,
  token_expires_at: 4_600,
};
const identity = (claims = {}, header = {}) =>
  server.token(
    { exp: now() + 60, app_type: undefined, latchkey: undefined, jti: undefined, ...IDENTITY, ...claims },
    { typ: "latchkey-identity+jwt", ...header },
  );
const through = (jwt, headers = {}) =>
  new Request("http://inner.test/v1/projects", { headers: { ...(jwt && { "latchkey-identity": jwt }), ...headers } });

// Covers: R64, B31
test("behind Latchkey's guard, who calls is what its signed header says", async () => {
  const behind = newGuard(server, { gateway: true });
  const { auth } = await outcome(behind, through(await identity()));
  assert.deepEqual(
    [auth.by, auth.userId, auth.consentId, auth.tokenType, auth.issuedAt, auth.expiresAt],
    ["user", "usr_alice", "cns_one", "third_party", 1_000, 4_600],
  );
  assert.equal((await outcome(behind, through(await identity({ scope: "read:profile" })))).status, 403);
  const own = { sub: "app_planner", subject_type: "client", consent_id: undefined };
  assert.equal((await outcome(behind, through(await identity(own)))).status, 403);
  assert.equal((await outcome(behind, through(await identity(own)), tokenNeeded("app"))).auth.userId, null);
});

// Covers: B29
test("what has not come through Latchkey's guard is refused behind it, whatever else it shows", async () => {
  const behind = newGuard(server, { gateway: true });
  const bearer = { authorization: `Bearer ${await server.token()}` };
  assert.equal((await outcome(behind, through(undefined, bearer))).error, "token_required");
  const plain = { "latchkey-user-id": "usr_alice", "latchkey-client-id": "app_planner", "latchkey-scopes": "read:projects" };
  assert.equal((await outcome(behind, through(undefined, plain))).error, "token_required");
  for (const [what, jwt] of Object.entries({
    "an access token": await server.token(),
    "for another API": await identity({ aud: "https://other.test" }),
    "of another issuer": await identity({ iss: "https://evil.test" }),
    over: await identity({ exp: now() - 10 }),
    "half a user's": await identity({ consent_id: undefined }),
    "an app as a user": await identity({ sub: "app_planner" }),
    "a user as an app": await identity({ subject_type: "client", consent_id: undefined }),
    "of neither": await identity({ subject_type: undefined }),
    twice: `${await identity()}, ${await identity()}`,
    none: "usr_alice",
  }))
    assert.equal((await outcome(behind, through(jwt))).error, "invalid_token", what);
  // And the header is nothing where no guard stands.
  assert.equal((await outcome(guard, through(await identity()))).error, "token_required");
  assert.equal((await outcome(guard, request(await identity()))).error, "invalid_token");
});
