// The guard's verify endpoint on workerd: what a check costs, and what it says when storage fails.
import assert from "node:assert/strict";
import test from "node:test";
import { importJWK, jwtVerify } from "jose";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { basic, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, revoke, token, tokens } = oauthClient(latchkey);
const { projects } = apis;
const credential = basic(projects.credential.client_id, projects.credential.secret);

await latchkey.run(
  "UPDATE apis SET route_rules = ?1 WHERE id = ?2",
  JSON.stringify([
    { methods: ["GET"], path: "/projects", scopes: ["read:projects"] },
    { methods: ["POST"], path: "/projects", scopes: ["write:projects"] },
    { methods: ["GET"], path: "/status", public: true },
  ]),
  projects.id,
);

const browser = await signedIn(latchkey, await newUser(latchkey));
const family = () => connect(browser, apps.web, { scope: "read:projects", prompt: "consent" });

const verify = (access_token, { method = "GET", uri = "/projects", headers = {}, faults } = {}) =>
  latchkey.fetch("/oauth/verify", {
    headers: {
      "Latchkey-Authorization": credential,
      "X-Original-Method": method,
      "X-Original-URI": uri,
      ...(access_token && { Authorization: `Bearer ${access_token}` }),
      ...headers,
    },
    faults,
  });

// Until the isolate's copies are old: 5 s of the feed, 8 s of records.
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Covers: R64
test("a good call is told for whom it is, and the signed identity is good by the published keys", async () => {
  const { access_token } = await family();
  const answer = await verify(access_token);
  assert.equal(answer.status, 200);
  const claims = claimsOf(access_token);
  assert.equal(answer.headers.get("latchkey-user-id"), claims.sub);
  assert.equal(answer.headers.get("latchkey-scopes"), "read:projects");
  assert.equal(answer.headers.get("latchkey-consent-id"), claims.latchkey.consent);
  const keys = await (await latchkey.fetch("/.well-known/jwks.json")).json();
  const find = ({ kid }) => importJWK(keys.keys.find((key) => key.kid === kid));
  const { payload, protectedHeader } = await jwtVerify(answer.headers.get("latchkey-identity"), find, {
    issuer: ISSUER,
    audience: projects.resource,
    typ: "latchkey-identity+jwt",
    algorithms: ["ES256"],
  });
  assert.equal(payload.sub, claims.sub);
  assert.equal(protectedHeader.alg, "ES256");
  assert.ok(payload.exp - payload.iat <= 60);
});

// Covers: B33
test("a check with everything at hand takes no trip, and the first of an isolate takes one", async () => {
  const { access_token } = await family();
  await wait(8100);
  const cold = await verify(access_token);
  assert.equal(cold.status, 200);
  assert.equal(trips(cold).depth, 1, JSON.stringify(trips(cold)));
  for (let call = 0; call < 5; call++) {
    const warm = await verify(access_token);
    assert.equal(warm.status, 200);
    assert.deepEqual(trips(warm), { depth: 0 });
  }
});

// Covers: B33
test("what is taken back is refused within five seconds, and its neighbours are not", async () => {
  const [gone, stays] = [await family(), await family()];
  assert.equal((await verify(gone.access_token)).status, 200);
  await revoke(apps.web, gone.refresh_token);
  const acknowledged = Date.now();
  let refused = await verify(gone.access_token);
  while (refused.status === 200 && Date.now() - acknowledged < 6000) {
    await wait(50);
    refused = await verify(gone.access_token);
  }
  assert.ok(Date.now() - acknowledged < 5500, `${Date.now() - acknowledged} ms`);
  assert.equal(refused.status, 401);
  assert.equal((await refused.json()).reason, "consent_revoked");
  assert.equal((await verify(stays.access_token)).status, 200);
});

test("without the feed the ledger says, and without both nobody is let through", async () => {
  const [gone, stays] = [await family(), await family()];
  await revoke(apps.web, gone.refresh_token);
  await wait(5100);
  const feed = { at: "FEED", fail: "before" };
  const refused = await verify(gone.access_token, { faults: [feed] });
  assert.equal(refused.status, 401);
  assert.equal((await verify(stays.access_token, { faults: [feed] })).status, 200);
  const nobody = await verify(stays.access_token, { faults: [feed, { at: "LEDGER", fail: "before" }] });
  assert.equal(nobody.status, 503);
  assert.ok(nobody.headers.get("retry-after"));
  assert.equal((await verify(stays.access_token)).status, 200);
});

test("a ledger that hangs keeps a call waiting for seconds at most, and nobody is let through", async () => {
  const { access_token } = await family();
  await wait(5100);
  const began = Date.now();
  const hangs = { at: "LEDGER", delayBefore: 120_000 };
  const answer = await verify(access_token, { faults: [{ at: "FEED", fail: "before" }, hangs] });
  assert.equal(answer.status, 503);
  assert.ok(Date.now() - began < 60_000, `${Date.now() - began} ms`);
  assert.equal((await verify(access_token)).status, 200);
});

test("while D1 is down nobody whose app is not at hand is let through", async () => {
  const { access_token } = await family();
  await wait(8100);
  const answer = await verify(access_token, { faults: [{ at: "DB", fail: "before" }] });
  assert.equal(answer.status, 503);
  assert.equal((await verify(access_token)).status, 200);
});

// Covers: R67, B29
test("an app that is suspended is an invalid client within ten seconds", async () => {
  const { access_token } = await family();
  assert.equal((await verify(access_token)).status, 200);
  const before = Date.now();
  await latchkey.run("UPDATE apps SET status = 'suspended', epoch = epoch + 1 WHERE client_id = ?1", apps.web.client_id);
  let answer;
  do {
    await wait(100);
    answer = await verify(access_token);
  } while (answer.status === 200 && Date.now() - before < 11_000);
  assert.ok(Date.now() - before < 10_000);
  assert.equal((await answer.json()).reason, "invalid_client");
  await latchkey.run("UPDATE apps SET status = 'approved' WHERE client_id = ?1", apps.web.client_id);
});

// Covers: B31
test("an app that calls for itself is no user", async () => {
  const granted = await tokens(await token(apps.server, { grant_type: "client_credentials", scope: "read:projects" }));
  const answer = await verify(granted.access_token);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("latchkey-user-id"), null);
  assert.equal(answer.headers.get("latchkey-client-id"), apps.server.client_id);
});

test("a path that climbs out of the place behind verify is answered by no other endpoint", async () => {
  const headers = { "Latchkey-Authorization": credential };
  for (const path of ["/oauth/verify/../../healthz", "/oauth/verify/%2e%2e/%2e%2e/healthz", "/healthz"]) {
    const answer = await latchkey.worker.fetch(ISSUER + path, { headers: Object.entries(headers) });
    assert.equal(answer.status, 403, path);
  }
  assert.equal((await latchkey.fetch("/healthz")).status, 200);
});
