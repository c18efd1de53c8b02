import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKeyPair } from "jose";
import { platform, RESOURCE } from "./support/projects-api.mjs";
import { logged } from "./support/stand-in.mjs";

// Covers: R64, B32
// Rule: META 21, PRM 5, MCP 7
test("without a token the challenge has no error and says where to learn more and what to ask for", async () => {
  const { call } = await platform();
  const metadata = `resource_metadata="${RESOURCE}/.well-known/oauth-protected-resource"`;
  for (const [method, scope] of [["GET", "read:projects"], ["POST", "write:projects"]]) {
    const { status, challenge, text } = await call("/projects", { method });
    assert.equal(status, 401);
    assert.equal(challenge, `Bearer scope="${scope}", ${metadata}`);
    assert.equal(text, "");
  }
});

// Rule: PRM 1, PRM 3
test("a script of any site reads the metadata, also when it names its protocol version", async () => {
  const { call, env } = await platform();
  const path = "/.well-known/oauth-protected-resource";
  const { response, body } = await call(path);
  assert.equal(response.headers.get("Access-Control-Allow-Origin"), "*");
  assert.deepEqual([body.resource, body.authorization_servers], [RESOURCE, [env.ISSUER]]);
  assert.ok(!body.scopes_supported.includes("offline_access"));
  const { status, response: preflight } = await call(path, { method: "OPTIONS" });
  assert.equal(status, 204);
  assert.match(preflight.headers.get("Access-Control-Allow-Headers"), /MCP-Protocol-Version/);
});

// Covers: B32
test("the scheme is read without regard to case, and other schemes are no credentials", async () => {
  const { call, latchkey } = await platform();
  const token = await latchkey.accessToken();
  for (const scheme of ["bearer", "BEARER", "Bearer "])
    assert.equal((await call("/projects", { token, scheme })).status, 200);
  const { status, challenge } = await call("/projects", { token, scheme: "Basic" });
  assert.equal(status, 401);
  assert.doesNotMatch(challenge, /error=/);
  assert.equal((await call(`/projects?access_token=${token}`)).status, 401, "a token in the query is no credential");
});

test("a malformed Authorization header is a bad request", async () => {
  const { call } = await platform();
  for (const token of ["", "two words", "sp%ce", '"quoted"']) {
    const { status, challenge } = await call("/projects", { token });
    assert.equal(status, 400, token);
    assert.match(challenge, /error="invalid_request"/);
  }
});

const REFUSED = {
  "alg none": async ({ latchkey }) => {
    const [header, payload] = (await latchkey.accessToken()).split(".");
    const none = { ...JSON.parse(Buffer.from(header, "base64url")), alg: "none" };
    return `${Buffer.from(JSON.stringify(none)).toString("base64url")}.${payload}.`;
  },
  "a published key of an algorithm that is not on the list": ({ latchkey }) =>
    latchkey.accessToken({}, { alg: "Ed25519", kid: "key-0" }, latchkey.otherPrivateKey),
  "typ JWT, as an ID token has": ({ latchkey }) => latchkey.accessToken({}, { typ: "JWT" }),
  "no typ": ({ latchkey }) => latchkey.accessToken({}, { typ: undefined }),
  "another audience": ({ latchkey }) => latchkey.accessToken({ aud: "http://other.test" }),
  "another issuer": ({ latchkey }) => latchkey.accessToken({ iss: "http://evil.test" }),
  expired: ({ latchkey }) => latchkey.accessToken({ exp: Math.floor(Date.now() / 1000) - 1 }),
  "no expiry": ({ latchkey }) => latchkey.accessToken({ exp: undefined }),
  "no subject": ({ latchkey }) => latchkey.accessToken({ sub: undefined }),
  "a subject that is no text": ({ latchkey }) => latchkey.accessToken({ sub: 7 }),
  "another key": async ({ latchkey }) => latchkey.accessToken({}, {}, (await generateKeyPair("ES256")).privateKey),
  "an unknown kid": ({ latchkey }) => latchkey.accessToken({}, { kid: "key-2" }),
  "a changed payload": async ({ latchkey }) => {
    const [header, , signature] = (await latchkey.accessToken()).split(".");
    const [, payload] = (await latchkey.accessToken({ sub: "usr_ben" })).split(".");
    return [header, payload, signature].join(".");
  },
  garbage: () => "not.a.token",
  "a refresh token": () => `lkr_${"x".repeat(80)}`,
  "far too long": () => "x".repeat(10_000),
};

for (const [name, make] of Object.entries(REFUSED)) {
  // Covers: R52, R56, B29
  test(`refused without asking Latchkey: ${name}`, async () => {
    const on = await platform();
    const { status, challenge, body } = await on.call("/projects", { token: await make(on) });
    assert.equal(status, 401);
    assert.match(challenge, /^Bearer error="invalid_token", .*scope="read:projects", resource_metadata="/);
    assert.equal(body.error, "invalid_token");
    assert.equal(on.latchkey.asked("/oauth/introspect").length, 0);
  });
}

// Covers: R64, R67, B29
test("a token that Latchkey calls inactive is refused, at the very next call", async () => {
  const { call, latchkey } = await platform();
  const token = await latchkey.accessToken();
  assert.equal((await call("/projects", { token })).status, 200);
  latchkey.handlers["/oauth/introspect"] = () => Response.json({ active: false });
  const { status, challenge } = await call("/projects", { token });
  assert.equal(status, 401);
  assert.match(challenge, /error="invalid_token"/);
});

test("introspection is asked with the API's own credential, form-encoded in Basic, and redirects are not followed", async () => {
  const { call, latchkey } = await platform();
  await call("/projects", { token: await latchkey.accessToken() });
  const [request] = latchkey.asked("/oauth/introspect");
  assert.equal(atob(request.headers.get("Authorization").slice(6)), "apc_one:lka_a+b%25");
  assert.equal(request.method, "POST");
  assert.equal(request.redirect, "manual", "the token must not travel on to wherever a redirect points");
});

const BROKEN = {
  "network down": () => {
    throw new TypeError("network connection lost");
  },
  "server error": () => new Response("oops", { status: 500 }),
  "temporarily unavailable": () => Response.json({ error: "temporarily_unavailable" }, { status: 503 }),
  "our credential refused": () => Response.json({ error: "invalid_client" }, { status: 401 }),
  "no JSON": () => new Response("<html>"),
  "about another token": () =>
    Response.json({ active: true, sub: "usr_ben", client_id: "app_planner", scope: "read:projects" }),
};

for (const [name, handler] of Object.entries(BROKEN)) {
  test(`introspection cannot be relied on, so nothing is answered: ${name}`, async () => {
    const { call, latchkey } = await platform();
    latchkey.handlers["/oauth/introspect"] = handler;
    const token = await latchkey.accessToken();
    const log = await logged(async () => {
      const { status, response, body } = await call("/projects", { token });
      assert.equal(status, 503);
      assert.match(response.headers.get("Retry-After"), /^\d+$/);
      assert.equal(body.error, "temporarily_unavailable");
      assert.equal(response.headers.get("WWW-Authenticate"), null, "the token is not to blame");
    });
    assert.ok(!log.includes(token));
  });
}

for (const path of ["/.well-known/oauth-authorization-server", "/.well-known/jwks.json"]) {
  test(`${path} out of reach is no fault of the token, and is asked again`, async () => {
    const { call, latchkey } = await platform();
    const works = latchkey.handlers[path];
    latchkey.handlers[path] = () => new Response("oops", { status: 502 });
    const token = await latchkey.accessToken();
    await logged(async () => assert.equal((await call("/projects", { token })).status, 503));
    latchkey.handlers[path] = works;
    assert.equal((await call("/projects", { token })).status, 200);
  });
}

test("metadata that names another issuer is not used", async () => {
  const { call, latchkey } = await platform();
  const path = "/.well-known/oauth-authorization-server";
  const metadata = await latchkey.handlers[path]().json();
  latchkey.handlers[path] = () => Response.json({ ...metadata, issuer: "http://evil.test" });
  assert.equal((await call("/projects", { token: await latchkey.accessToken() })).status, 503);
});

// Covers: R65, B32, B35
// Rule: PRM 6, MCP 7
test("a token without the permission gets 403 and is told which one", async () => {
  const { call, create, latchkey } = await platform();
  const token = await latchkey.accessToken({ scope: "read:profile" });
  const read = await call("/projects", { token });
  assert.equal(read.status, 403);
  assert.match(read.challenge, /error="insufficient_scope".* scope="read:projects", resource_metadata="/);
  const write = await create(await latchkey.accessToken({ scope: "read:projects" }), '{"name":"x"}');
  assert.match(write.challenge, /scope="write:projects"/);
});

// Covers: B33
test("a permission that was narrowed since the token was signed no longer counts", async () => {
  const { create, call, latchkey } = await platform();
  latchkey.handlers["/oauth/introspect"] = () =>
    Response.json({ active: true, sub: "usr_alice", client_id: "app_planner", scope: "read:projects read:analytics" });
  const token = await latchkey.accessToken();
  assert.equal((await call("/projects", { token })).status, 200);
  assert.equal((await create(token, '{"name":"x"}')).status, 403);
  assert.equal((await call("/analytics", { token })).status, 403, "nor does one that the token never had");
});
