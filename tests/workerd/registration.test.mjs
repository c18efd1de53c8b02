// Apps that register themselves (RFC 7591) and manage that (RFC 7592): where it is open, for holders of a token, and off.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as jose from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { unstable_readConfig as readConfig } from "wrangler";
import { signedIn } from "./support/browser.mjs";
import { ApiDocument } from "./support/document.mjs";
import { expectErrorPage, expectErrorRedirect, expectNotStored, expectNothingInside, expectRefusal, expectTryAgain } from "./support/expect.mjs";
import { ISSUER } from "./support/harness.mjs";
import { startIsolates } from "./support/isolates.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, CALLBACK, loadLogo, loadPlatform, newUser } from "./support/platform.mjs";
import { configPath } from "./support/worker_directory.mjs";

const INITIAL_TOKEN = "initial-access-token-0123456789abcdef";
const MOST_USERS = 2;
// How many one address tries (`make scale` asks for a thousand).
const REGISTRATIONS = Number(process.env.LATCHKEY_REGISTRATIONS ?? 200);

const { ratelimits } = readConfig({ config: configPath }, { hideWarnings: true });
const { limit: LIMIT } = ratelimits.find(({ name }) => name === "LIMIT_SIGN_IN").simple;
const settings = [
  { vars: { UNVERIFIED_APP_USERS: String(MOST_USERS) } },
  { vars: { DYNAMIC_REGISTRATION: "protected" }, secrets: { REGISTRATION_TOKEN: INITIAL_TOKEN } },
  { vars: { DYNAMIC_REGISTRATION: "off" } },
  { vars: { RATE_LIMITS: "on" }, ratelimits },
];
const [latchkey, guarded, closed, limited] = await startIsolates(settings.length, (index) => settings[index]);
await latchkey.worker.applyD1Migrations("DB");
await loadPlatform(latchkey.db);
await loadLogo(latchkey.kv);
const document = await (await latchkey.fetch("/openapi.json")).json();
for (const one of [latchkey, guarded, closed, limited]) one.document = new ApiDocument(document);

const { connect, introspect, refresh, redeem, token, tokens } = oauthClient(latchkey);
const someone = async () => signedIn(latchkey, await newUser(latchkey));
const agent = (changes = {}) => ({
  client_name: "Nimbus",
  redirect_uris: [CALLBACK],
  token_endpoint_auth_method: "none",
  ...changes,
});

const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });
const send = (method, path, { body, token, at = latchkey, headers, ...more } = {}) =>
  at.fetch(path, {
    method,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...bearer(token), ...headers },
    body: typeof body === "object" ? JSON.stringify(body) : body,
    ...more,
  });
const register = (body, options) => send("POST", "/oauth/register", { body, ...options });
const manage = (method, view, body, options) =>
  send(method, view.registration_client_uri, { token: view.registration_access_token, body, ...options });
async function registered(changes, options) {
  const answer = await register(agent(changes), options);
  assert.equal(answer.status, 201, await answer.clone().text());
  expectNotStored(answer);
  return answer.json();
}
// As the hand-made client of oauth.mjs wants it.
const methods = { client_secret_basic: "basic", client_secret_post: "post", none: "none" };
const asClient = ({ client_id, client_secret, token_endpoint_auth_method }) => ({
  client_id,
  secret: client_secret,
  method: methods[token_endpoint_auth_method],
});
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const registeredApps = () => latchkey.count("apps", "class = 'registered'");
const events = async ({ client_id }) =>
  (await latchkey.rows("SELECT event FROM audit WHERE client_id = ? AND actor_type = 'app' ORDER BY seq", client_id)).map(
    ({ event }) => event,
  );
const errorOf = async (answer) => [answer.status, (await answer.json()).error];

// Libraries that nobody here wrote.
const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: (url, init) => latchkey.fetch(url, init) };

async function agree(url) {
  const browser = await someone();
  const { leaves } = await browser.allow(await browser.authorize(url));
  return leaves;
}

// Covers: R3, R61, R63
// Rule: REG 1, REG 3
test("openid-client registers by itself, whatever it proves itself with, and connects", async (t) => {
  const keys = await jose.generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await jose.exportJWK(keys.publicKey)), kid: "one", alg: "ES256", use: "sig" };
  const kinds = {
    none: () => openid.None(),
    client_secret_basic: (secret) => openid.ClientSecretBasic(secret),
    client_secret_post: (secret) => openid.ClientSecretPost(secret),
    private_key_jwt: () => openid.PrivateKeyJwt({ key: keys.privateKey, kid: "one" }),
  };
  for (const [method, authentication] of Object.entries(kinds)) {
    await t.test(method, async () => {
      const metadata = agent({ token_endpoint_auth_method: method, ...(method === "private_key_jwt" && { jwks: { keys: [jwk] } }) });
      const config = await openid.dynamicClientRegistration(new URL(ISSUER), metadata, undefined, {
        algorithm: "oauth2",
        execute: [openid.allowInsecureRequests],
        [openid.customFetch]: options[oauth.customFetch],
      });
      const client = config.clientMetadata();
      assert.equal(client.token_endpoint_auth_method, method);
      assert.equal(Boolean(client.client_secret), method.startsWith("client_secret"));
      // Registered, it is used as any client is: by its id.
      const own = new openid.Configuration(config.serverMetadata(), client.client_id, client, authentication(client.client_secret));
      openid.allowInsecureRequests(own);
      own[openid.customFetch] = options[oauth.customFetch];
      const pkceCodeVerifier = openid.randomPKCECodeVerifier();
      const expectedState = openid.randomState();
      const url = openid.buildAuthorizationUrl(own, {
        redirect_uri: CALLBACK,
        scope: "read:profile",
        state: expectedState,
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: "S256",
      });
      const first = await openid.authorizationCodeGrant(own, await agree(url), { pkceCodeVerifier, expectedState });
      assert.equal(claimsOf(first.access_token).client_id, client.client_id);
      const second = await openid.refreshTokenGrant(own, first.refresh_token);
      assert.equal(await isActive(second), true);
    });
  }
});

// Covers: R3
// Rule: REG 3, REG 12, REG 13
test("oauth4webapi registers with the token it was given, reads, changes and deletes", async () => {
  const own = { ...options, [oauth.customFetch]: (url, init) => guarded.fetch(url, init) };
  const issuer = new URL(ISSUER);
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...own }),
  );
  const without = await oauth.dynamicClientRegistrationRequest(server, agent(), own);
  await assert.rejects(oauth.processDynamicClientRegistrationResponse(without), (error) => {
    assert.deepEqual([error.status, error.cause[0].scheme, error.cause[0].parameters], [401, "bearer", {}]);
    return true;
  });
  const asked = await oauth.dynamicClientRegistrationRequest(server, agent(), { ...own, initialAccessToken: INITIAL_TOKEN });
  const client = await oauth.processDynamicClientRegistrationResponse(asked);
  const managed = async (method, body) => {
    const headers = new Headers(body && { "content-type": "application/json" });
    const url = new URL(client.registration_client_uri);
    const text = body && JSON.stringify(body);
    return oauth.protectedResourceRequest(client.registration_access_token, method, url, headers, text, own);
  };
  const { client_id, registration_client_uri, registration_access_token } = client;
  const read = await (await managed("GET")).json();
  assert.deepEqual(read, client);
  const changed = await (await managed("PUT", agent({ client_id, client_name: "Cumulus", scope: "read:profile" }))).json();
  assert.deepEqual(
    [changed.client_name, changed.scope, changed.client_id, changed.registration_client_uri, changed.registration_access_token],
    ["Cumulus", "read:profile", client_id, registration_client_uri, registration_access_token],
  );
  assert.equal((await managed("DELETE")).status, 204);
  await assert.rejects(managed("GET"), (error) => {
    assert.deepEqual([error.status, error.cause[0].parameters.error], [401, "invalid_token"]);
    return true;
  });
  assert.deepEqual(await events(client), ["app.created", "app.registration_changed", "app.deleted"]);
});

// Rule: REG 3
test("where registrations need a token no other is good, and where they are off nobody registers, but manages", async () => {
  const endpoint = async (at) =>
    (await (await at.fetch("/.well-known/oauth-authorization-server")).json()).registration_endpoint;
  const address = `${ISSUER}/oauth/register`;
  assert.deepEqual([await endpoint(latchkey), await endpoint(guarded), await endpoint(closed)], [address, address, undefined]);
  const view = await registered({}, { at: guarded, token: INITIAL_TOKEN });
  const before = await registeredApps();
  for (const wrong of ["x", INITIAL_TOKEN.slice(1), `${INITIAL_TOKEN}x`, view.registration_access_token]) {
    const answer = await register(agent(), { at: guarded, token: wrong });
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    assert.deepEqual(await errorOf(answer), [401, "invalid_token"]);
  }
  for (const headers of [{}, { authorization: "Bearer " }, { authorization: `Basic ${btoa(`x:${INITIAL_TOKEN}`)}` }]) {
    const answer = await register(agent(), { at: guarded, headers });
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.deepEqual(await errorOf(answer), [401, "invalid_token"]);
  }
  const query = await send("POST", `/oauth/register?access_token=${INITIAL_TOKEN}`, { at: guarded, body: agent() });
  assert.equal(query.status, 401);
  for (const token of [undefined, INITIAL_TOKEN])
    assert.deepEqual(await errorOf(await register(agent(), { at: closed, token })), [403, "access_denied"]);
  assert.equal(await registeredApps(), before);
  assert.equal((await manage("GET", view, undefined, { at: closed })).status, 200);
  assert.equal((await manage("DELETE", view, undefined, { at: closed })).status, 204);
});

// The windows of workerd's limiters begin with the minute: a test must not be cut in two by that.
async function roomInTheMinute(needed) {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < needed) await sleep(left + 100);
}

// Covers: B41
// Rule: REG 3
test(`of ${REGISTRATIONS} registrations from one address ${LIMIT} a minute are taken, and others are not kept waiting`, async (t) => {
  await roomInTheMinute(30_000);
  const before = await registeredApps();
  const from = (address) => ({ at: limited, headers: { "cf-connecting-ip": address } });
  const began = performance.now();
  const statuses = new Map();
  for (let n = 0; n < REGISTRATIONS; n++) {
    // As many addresses as one customer has are one.
    const answer = await register(agent(), from(`2001:db8:7:7::${(n % 99) + 1}`));
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (answer.status === 429) {
      assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
      await expectRefusal(answer, "temporarily_unavailable", 429);
    }
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  t.diagnostic(`${REGISTRATIONS} registrations in ${seconds} s: ${JSON.stringify(Object.fromEntries(statuses))}`);
  assert.deepEqual([...statuses], [[201, LIMIT], [429, REGISTRATIONS - LIMIT]]);
  assert.equal((await registeredApps()) - before, LIMIT);
  assert.equal((await register(agent(), from("2001:db8:7:8::1"))).status, 201);
  assert.equal((await register(agent(), from("192.0.2.7"))).status, 201);
});

const bad = {
  invalid_redirect_uri: [
    { redirect_uris: undefined },
    { redirect_uris: [] },
    { redirect_uris: "https://agent.dev/cb" },
    { redirect_uris: [7] },
    { redirect_uris: ["http://agent.dev/cb"] },
    { redirect_uris: ["https://agent.dev/cb#x"] },
    { redirect_uris: ["https://user@agent.dev/cb"] },
    { redirect_uris: ["javascript:alert(1)"] },
    { redirect_uris: ["data:text/html,x"] },
    { redirect_uris: ["cb"] },
    { redirect_uris: [CALLBACK, "https://*.agent.dev/cb"] },
    { redirect_uris: Array.from({ length: 21 }, (_, n) => `https://agent.dev/${n}`) },
  ],
  invalid_client_metadata: [
    { grant_types: ["client_credentials"] },
    { grant_types: [] },
    { grant_types: ["refresh_token"] },
    { grant_types: "authorization_code" },
    { grant_types: Array(51).fill("authorization_code") },
    { response_types: ["token"] },
    { response_types: [] },
    { response_types: [["code"]] },
    { token_endpoint_auth_method: "client_secret_jwt" },
    { token_endpoint_auth_method: "tls_client_auth" },
    { token_endpoint_auth_method: 1 },
    { token_endpoint_auth_method: "private_key_jwt" },
    { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [] } },
    { jwks: { keys: [{ kty: "oct", k: "AAAA" }] } },
    { jwks: "x" },
    { jwks: { keys: [{ kty: "OKP", crv: "Ed25519", x: "A".repeat(43) }] }, jwks_uri: "https://agent.dev/jwks" },
    { jwks_uri: "http://agent.dev/jwks" },
    { jwks_uri: "https://10.0.0.1/jwks" },
    { jwks_uri: "https://0xa000001/jwks" },
    { jwks_uri: "https://012.0.0.1/jwks" },
    { jwks_uri: "https://[::ffff:10.0.0.1]/jwks" },
    { jwks_uri: "https://167772161/jwks" },
    { logo_uri: "https://db.internal/logo.png" },
    { client_name: "a".repeat(201) },
    { client_name: ["Nimbus"] },
    { scope: "a\u0000b" },
    { scope: 1 },
    { dpop_bound_access_tokens: "yes" },
    { application_type: {} },
  ],
  unapproved_software_statement: [{ software_statement: "eyJhbGciOiJub25lIn0.e30." }, { software_statement: "x" }, { software_statement: {} }],
};

// Covers: B3
// Rule: REG 4, REG 5, REG 6, REG 7, REG 11
test("metadata that cannot be is refused with the standard's error, by registration and by change alike", async (t) => {
  const view = await registered();
  const before = await registeredApps();
  let tried = 0;
  for (const [code, all] of Object.entries(bad)) {
    for (const changes of all) {
      const what = JSON.stringify(changes).slice(0, 80);
      for (const answer of [
        await register(agent(changes)),
        await manage("PUT", view, agent({ client_id: view.client_id, ...changes })),
      ]) {
        expectNotStored(answer);
        assert.deepEqual(await errorOf(answer), [400, code], what);
        tried++;
      }
    }
  }
  t.diagnostic(`${tried} refusals`);
  assert.deepEqual(await (await manage("GET", view)).json(), view);
  assert.equal(await registeredApps(), before);
  assert.deepEqual(await events(view), ["app.created"]);
});

// Rule: REG 11
test("a body that is too large, of another type, broken or ambiguous is refused, and nothing of it is kept", async () => {
  const view = await registered();
  const before = await registeredApps();
  const text = JSON.stringify(agent({ client_id: view.client_id }));
  const bodies = {
    "65 kB": [JSON.stringify(agent({ client_id: view.client_id, unknown: "x".repeat(65 * 1024) })), "application/json"],
    "a form": [text, "application/x-www-form-urlencoded"],
    "plain text": [text, "text/plain"],
    "no type": [text, ""],
    "half of it": [text.slice(0, -1), "application/json"],
    nothing: ["", "application/json"],
    "a list": [`[${text}]`, "application/json"],
    "a member twice": [`{"client_name":"Other",${text.slice(1)}`, "application/json"],
    "no UTF-8": [Buffer.from([...Buffer.from(text.slice(0, -1)), 0xff, 0x7d]), "application/json"],
    "a thousand levels": [`{"x":${"[".repeat(1000)}${"]".repeat(1000)},${text.slice(1)}`, "application/json"],
  };
  for (const [what, [body, type]] of Object.entries(bodies)) {
    for (const [method, path, token] of [
      ["POST", "/oauth/register"],
      ["PUT", view.registration_client_uri, view.registration_access_token],
    ]) {
      const answer = await latchkey.fetch(path, { method, headers: { "content-type": type, ...bearer(token) }, body });
      const answered = await answer.text();
      expectNothingInside(answered);
      assert.deepEqual([answer.status, JSON.parse(answered).error], [400, "invalid_client_metadata"], `${method} ${what}`);
    }
  }
  assert.equal(await registeredApps(), before);
  assert.deepEqual(await (await manage("GET", view)).json(), view);
});

// Rule: REG 2, REG 8
test("what is not known is ignored, and nothing that an app says of itself is a link before people", async () => {
  const view = await registered({
    client_name: '<b>Acme</b> "Support"',
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    client_uri: "https://acme.dev/",
    tos_uri: "https://acme.dev/terms",
    policy_uri: "https://acme.dev/privacy",
    logo_uri: "https://acme.dev/logo.png",
    contacts: ["security@acme.dev"],
    software_id: "7",
    software_statement: null,
    client_id: "app_spa",
    client_secret: "chosen",
  });
  assert.deepEqual(view.grant_types, ["authorization_code", "refresh_token"]);
  assert.notEqual(view.client_id, "app_spa");
  assert.deepEqual([view.client_secret, view.contacts, view.software_id, view.logo_uri], Array(4).fill(undefined));
  const page = await (await someone()).authorize(authorizationRequest(asClient(view)).url);
  assert.match(page.source, /&#60;b&#62;Acme|&lt;b&gt;Acme/);
  assert.doesNotMatch(page.source, /acme\.dev|<b>Acme/);
});

// Covers: R59, R61
test("strangers get what the default permissions give, nothing for themselves, and are shown as unverified to so many", async () => {
  const view = await registered({ token_endpoint_auth_method: "client_secret_post", scope: "read:profile read:invoices" });
  const client = asClient(view);
  const browser = await someone();
  const page = await browser.authorize(authorizationRequest(client, { scope: "read:profile" }).url);
  assert.match(page.source, /class="notice"/);
  for (const scope of ["read:invoices", "read:profile read:invoices"]) {
    const { url, redirect_uri } = authorizationRequest(client, { scope, state: "s" });
    expectErrorRedirect(await browser.request(url), { redirect_uri, error: "invalid_scope", state: "s" });
  }
  assert.equal((await connect(browser, client, { scope: "read:profile" })).scope, "read:profile");
  const machine = await token(client, { grant_type: "client_credentials", scope: "read:profile" });
  await expectRefusal(machine, "unauthorized_client");
  // The cap on people.
  const other = await registered();
  for (let n = 0; n < MOST_USERS; n++) await connect(await someone(), asClient(other));
  const late = await (await someone()).authorize(authorizationRequest(asClient(other)).url);
  assert.equal(late.status, 403);
});

// Covers: R61
test("while third-party apps have no default permission nobody registers, and it says why", async () => {
  const before = await registeredApps();
  await latchkey.run("UPDATE client_grants SET access = 'none' WHERE client_id = '*'");
  try {
    const refused = await register(agent());
    assert.equal(refused.status, 403);
    const { error, error_description } = await refused.json();
    assert.equal(error, "access_denied");
    assert.match(error_description, /default permissions/);
    assert.equal(await registeredApps(), before);
  } finally {
    await latchkey.run("UPDATE client_grants SET access = 'all' WHERE client_id = '*'");
  }
  await registered();
});

// Covers: B5, B6, B7
// Rule: REG 1, REG 12
test("secret and token are told once to whoever registered, and nothing that is stored or logged has them", async () => {
  const view = await registered({ token_endpoint_auth_method: undefined });
  assert.equal(view.token_endpoint_auth_method, "client_secret_basic");
  assert.equal(view.client_secret_expires_at, 0);
  const read = await (await manage("GET", view)).json();
  assert.deepEqual([read.client_secret, read.client_secret_expires_at], [undefined, undefined]);
  const put = agent({ client_id: view.client_id, token_endpoint_auth_method: "client_secret_basic" });
  const kept = await (await manage("PUT", view, { ...put, client_secret: view.client_secret })).json();
  assert.equal(kept.client_secret, undefined);
  await connect(await someone(), asClient(view));
  const secrets = [view.client_secret, view.registration_access_token];
  const tables = await latchkey.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'");
  assert.ok(tables.length > 20);
  let hashes = 0;
  for (const { name } of tables) {
    const dump = JSON.stringify(await latchkey.rows(`SELECT * FROM "${name}"`));
    for (const secret of secrets) assert.ok(!dump.includes(secret), name);
    if (["client_secrets", "client_registrations"].includes(name)) hashes++;
  }
  assert.equal(hashes, 2);
  const ledgers = JSON.stringify(await latchkey.ledgerRows());
  const { keys } = await latchkey.kv.list();
  for (const { name } of keys) {
    const value = `${name} ${await latchkey.kv.get(name)}`;
    for (const secret of secrets) assert.ok(!value.includes(secret), name);
  }
  const lines = latchkey.takeLines().join("\n");
  for (const secret of secrets) assert.ok(!lines.includes(secret) && !ledgers.includes(secret));
});

// Rule: REG 13, REG 14
test("another's token, none, or a wrong one neither reads nor changes nor deletes a registration", async () => {
  const [mine, theirs] = [await registered(), await registered()];
  const body = agent({ client_id: mine.client_id, redirect_uris: ["https://evil.dev/cb"] });
  for (const token of [undefined, "", "lkm_guess", theirs.registration_access_token, INITIAL_TOKEN]) {
    for (const [method, sent] of [["GET"], ["PUT", body], ["DELETE"]]) {
      const answer = await send(method, mine.registration_client_uri, { token, body: sent });
      assert.equal(answer.headers.get("www-authenticate").split(" ")[0], "Bearer");
      assert.deepEqual(await errorOf(answer), [401, "invalid_token"], `${method} ${token}`);
    }
  }
  const nowhere = { ...mine, registration_client_uri: `${ISSUER}/oauth/register/app_none` };
  assert.equal((await manage("GET", nowhere)).status, 401);
  assert.equal((await manage("GET", { ...mine, registration_client_uri: `${ISSUER}/oauth/register/app_spa` })).status, 401);
  for (const method of ["POST", "PATCH"]) assert.equal((await manage(method, mine, body)).status, 405);
  for (const wrong of [
    { client_id: undefined },
    { client_id: theirs.client_id },
    { client_id: mine.client_id, client_secret: "chosen" },
    { client_id: mine.client_id, registration_access_token: mine.registration_access_token },
    { client_id: mine.client_id, registration_client_uri: mine.registration_client_uri },
    { client_id: mine.client_id, client_id_issued_at: mine.client_id_issued_at },
    { client_id: mine.client_id, client_secret_expires_at: 0 },
  ])
    assert.deepEqual(await errorOf(await manage("PUT", mine, agent(wrong))), [400, "invalid_client_metadata"], JSON.stringify(wrong));
  assert.deepEqual(await (await manage("GET", mine)).json(), mine);
});

// Rule: REG 12, REG 14
test("a change replaces everything: addresses that are gone get no codes, and the way to prove oneself is the new one", async () => {
  const view = await registered({ redirect_uris: [CALLBACK, "https://agent.dev/cb"], scope: "read:profile" });
  const put = agent({ client_id: view.client_id, redirect_uris: [CALLBACK], token_endpoint_auth_method: "client_secret_post" });
  const changed = await (await manage("PUT", view, put)).json();
  assert.match(changed.client_secret, /^lks_/);
  assert.equal(changed.scope, undefined);
  // What an isolate remembers of an app is some seconds old.
  await sleep(10_000);
  const browser = await someone();
  const gone = await browser.request(authorizationRequest(asClient(view), { redirect_uri: "https://agent.dev/cb" }).url);
  await expectErrorPage(gone);
  const grant = await browser.connect(asClient(changed));
  await expectRefusal(await redeem({ ...grant, client: asClient(view) }), "invalid_client");
  const again = await browser.connect(asClient(changed));
  assert.equal(await isActive(await tokens(await redeem(again))), true);
});

// Covers: B1
// Rule: REG 10, REG 13, REG 14
test("a deleted client is gone: its tokens end, it is told invalid_client, and people that it is not known", async () => {
  const view = await registered();
  const client = asClient(view);
  const browser = await someone();
  const held = await connect(browser, client);
  const pending = await browser.connect(client);
  assert.equal(await isActive(held), true);
  assert.equal((await manage("DELETE", view)).status, 204);
  // What an isolate remembers of an app is some seconds old.
  await sleep(10_000);
  assert.equal(await isActive(held), false);
  await expectRefusal(await refresh(client, held.refresh_token), "invalid_client");
  await expectRefusal(await redeem(pending), "invalid_client");
  await expectErrorPage(await browser.request(authorizationRequest(client).url));
  assert.deepEqual(await errorOf(await manage("GET", view)), [401, "invalid_token"]);
  assert.deepEqual(await errorOf(await manage("DELETE", view)), [401, "invalid_token"]);
  await latchkey.runSchedule();
  assert.equal(await latchkey.count("consents", "client_id = ? AND status = 'active'", view.client_id), 0);
  assert.deepEqual(await (await browser.request("/api/user/connected-apps")).json(), []);
  assert.equal((await registered()).client_name, view.client_name);
});

// Rule: REG 10
test("a client that nobody used in time is forgotten, told invalid_client, and registers again; one with a user stays", async () => {
  const [unused, used] = [await registered({ token_endpoint_auth_method: "client_secret_basic" }), await registered()];
  const held = await connect(await someone(), asClient(used));
  const DAY = 24 * 3600 * 1000;
  const wait = (days) =>
    latchkey.run("UPDATE apps SET unused_since = ? WHERE client_id IN (?, ?) AND unused_since IS NOT NULL", Date.now() - days * DAY, unused.client_id, used.client_id);
  await wait(29);
  await latchkey.runSchedule();
  assert.equal((await manage("GET", unused)).status, 200);
  await wait(31);
  await latchkey.runSchedule();
  for (const table of ["apps", "client_registrations", "app_redirect_uris", "app_scopes", "client_secrets"])
    assert.equal(await latchkey.count(table, "client_id = ?", unused.client_id), 0, table);
  assert.deepEqual(await errorOf(await manage("GET", unused)), [401, "invalid_token"]);
  await expectRefusal(await refresh(asClient(unused), "lkr_x"), "invalid_client");
  await expectErrorPage(await (await someone()).request(authorizationRequest(asClient(unused)).url));
  assert.equal(await isActive(held), true);
  assert.equal((await manage("GET", used)).status, 200);
  await registered();
});

// Rule: REG 1, REG 12
test("while storage is down nothing is half registered, half changed or half deleted", async () => {
  const down = [{ at: "DB", fail: "before" }];
  const replyLost = [{ at: "DB.batch", fail: "after" }];
  const rows = async () => {
    const of = async (table) => [table, await latchkey.count(table)];
    return Object.fromEntries(await Promise.all(["apps", "app_redirect_uris", "client_registrations", "client_secrets"].map(of)));
  };
  const body = agent({ token_endpoint_auth_method: "client_secret_post" });
  const before = await rows();
  await expectTryAgain(await register(body, { faults: down }));
  assert.deepEqual(await rows(), before);
  // Its reply was lost: whole, though nobody can use it; it is forgotten as any that is unused.
  await expectTryAgain(await register(body, { faults: replyLost }));
  const whole = Object.fromEntries(Object.entries(before).map(([table, count]) => [table, count + 1]));
  assert.deepEqual(await rows(), whole);

  const view = await registered({ token_endpoint_auth_method: "client_secret_post" });
  const put = { ...body, client_id: view.client_id, client_name: "Cumulus" };
  for (const [method, sent] of [["GET"], ["PUT", put], ["DELETE"]])
    await expectTryAgain(await manage(method, view, sent, { faults: down }));
  const writes = [{ at: "DB.batch", match: "UPDATE apps", fail: "before" }];
  for (const [method, sent] of [["PUT", put], ["DELETE"]])
    await expectTryAgain(await manage(method, view, sent, { faults: writes }));
  assert.equal((await (await manage("GET", view)).json()).client_name, "Nimbus");
  assert.deepEqual(await events(view), ["app.created"]);
  const lost = [{ at: "DB.batch", match: "UPDATE apps", fail: "after" }];
  await expectTryAgain(await manage("PUT", view, put, { faults: lost }));
  assert.equal((await (await manage("GET", view)).json()).client_name, "Cumulus");
  assert.equal((await manage("PUT", view, put)).status, 200);
  await expectTryAgain(await manage("DELETE", view, undefined, { faults: lost }));
  assert.equal((await manage("DELETE", view)).status, 401);
});

test("every entry in the trail says who, from where and about which app", async () => {
  const headers = { "cf-connecting-ip": "192.0.2.9" };
  const view = await registered({}, { headers });
  await manage("PUT", view, agent({ client_id: view.client_id }), { headers });
  await manage("DELETE", view, undefined, { headers });
  const rows = await latchkey.rows("SELECT * FROM audit WHERE client_id = ? ORDER BY seq", view.client_id);
  assert.deepEqual(
    rows.map(({ event, actor_type, actor_id, target_type, target_id }) => [event, actor_type, actor_id, target_type, target_id]),
    ["app.created", "app.registration_changed", "app.deleted"].map((event) => [event, "app", view.client_id, "app", view.client_id]),
  );
  assert.equal(new Set(rows.map(({ request_id }) => request_id)).size, 3);
  assert.equal(new Set(rows.map(({ address_hash }) => address_hash)).size, 1);
  assert.ok(rows[0].address_hash);
});

test("a script of any site may register and manage", async () => {
  for (const path of ["/oauth/register", "/oauth/register/app_x"]) {
    const preflight = await latchkey.fetch(path, {
      method: "OPTIONS",
      headers: { origin: "https://inspector.example", "access-control-request-method": "PUT" },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get("access-control-allow-methods"), /PUT, DELETE/);
  }
  const answers = [await register(agent()), await register({}), await manage("GET", { registration_client_uri: `${ISSUER}/oauth/register/app_x` })];
  for (const { headers } of answers) assert.equal(headers.get("access-control-allow-origin"), "*");
});
