// An enterprise's identity provider vouches for its people (ID-JAG): `jose` signs for it, and publishes its keys here.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { Browser, signedIn } from "./support/browser.mjs";
import { addConnection, callbackOf, start } from "./support/connections.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newApp, newUser, suspend } from "./support/platform.mjs";
import { startReceiver } from "./support/receiver.mjs";
import { failures, startStandIn } from "./support/stand_in_provider.mjs";
import { encode, newKey, ProofSender } from "./support/strong_clients.mjs";

const latchkey = await startLatchkey();
const { connect, refresh, token, tokens, introspect, revoke } = oauthClient(latchkey);
// An identity provider by which people also sign in.
const workplace = await startStandIn();
await addConnection(latchkey, {
  id: "con_workplace",
  issuer: workplace.issuer,
  client_authentication: "none",
  client_secret_name: null,
});
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', 'administrator')");
const operator = await signedIn(latchkey, "alice");

const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPES = ["read:profile", "read:projects"];

async function call(browser, method, path, body) {
  const init = { method, headers: { origin: ISSUER } };
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await browser.request(`/api/admin/organizations${path}`, init);
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
}

async function expectStatus(answer, status) {
  const { body, ...got } = await answer;
  assert.equal(got.status, status, JSON.stringify(body));
  return body;
}

// An organization with an administrator of its own that trusts an identity provider and allows an app.
async function newEnterprise({ allows, idp, people = "join" } = {}) {
  idp ??= await startStandIn();
  const { id } = await expectStatus(call(operator, "POST", "", { name: "Acme" }), 201);
  const username = await newUser(latchkey);
  await expectStatus(call(operator, "PUT", `/${id}/members/usr_${username}`, { role: "administrator" }), 200);
  const trusted = { issuer: idp.issuer, unknown_people: people };
  const issuer = await expectStatus(call(operator, "POST", `/${id}/issuers`, trusted), 201);
  const administrator = await signedIn(latchkey, username);
  const app = allows ?? (await newApp(latchkey));
  const enterprise = { idp, id, issuer: issuer.id, app, administrator };
  await expectStatus(decide(enterprise, { decision: "allowed", scopes: SCOPES }), 200);
  return enterprise;
}

const decide = ({ administrator, id, app }, decision) =>
  call(administrator, "PUT", `/${id}/apps/${app.client_id}`, decision);

// An assertion about Jane, with changes: an undefined claim is left out.
function vouch({ idp, app }, { claims = {}, header = {}, key = idp.key } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: idp.issuer,
    sub: "jane",
    aud: ISSUER,
    client_id: app.client_id,
    jti: randomBytes(16).toString("hex"),
    iat: now,
    exp: now + 300,
    scope: SCOPES.join(" "),
    resource: apis.projects.resource,
    name: "Jane Doe",
    email: "alice@example.com",
    ...claims,
  };
  const present = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return new SignJWT(present)
    .setProtectedHeader({ alg: key.alg, typ: "oauth-id-jag+jwt", kid: key.kid, ...header })
    .sign(key.privateKey);
}

const present = (app, assertion, fields, options) =>
  token(app, { grant_type: GRANT, assertion, ...fields }, options);
const obtain = async (enterprise, changes) => tokens(await present(enterprise.app, await vouch(enterprise, changes)));
const isActive = async ({ access_token }) => (await (await introspect(apis.projects.credential, access_token)).json()).active;

// Covers: R62, R63
test("an organization allows an app, its people's agents get tokens without a page, and blocking it kills them", async () => {
  const enterprise = await newEnterprise();
  const granted = await obtain(enterprise);
  assert.equal(granted.scope, SCOPES.join(" "));
  assert.equal(granted.resource, apis.projects.resource);
  assert.equal(granted.refresh_token, undefined);
  const claims = claimsOf(granted.access_token);
  assert.equal(claims.aud, apis.projects.resource);
  assert.equal(claims.client_id, enterprise.app.client_id);
  assert.notEqual(claims.sub, "usr_alice");
  assert.equal(await isActive(granted), true);
  await expectStatus(decide(enterprise, { decision: "blocked" }), 200);
  assert.equal(await isActive(granted), false);
  await expectRefusal(await present(enterprise.app, await vouch(enterprise)), "invalid_grant");
  await expectStatus(decide(enterprise, { decision: "allowed", scopes: SCOPES }), 200);
  assert.equal(await isActive(granted), false);
  assert.equal(await isActive(await obtain(enterprise)), true);
});

test("somebody who is known costs one look at the directory and one ledger", async () => {
  const enterprise = await newEnterprise();
  await obtain(enterprise);
  const answer = await present(enterprise.app, await vouch(enterprise));
  assert.equal(answer.status, 200);
  assert.equal(trips(answer).depth, 2, JSON.stringify(trips(answer)));
});

test("every bad assertion is refused by its exact error, and nobody is asked for keys in vain", async () => {
  const enterprise = await newEnterprise();
  const { app, idp } = enterprise;
  const now = Math.floor(Date.now() / 1000);
  const stranger = await newKey();
  const secret = Buffer.from(JSON.stringify(idp.key.jwk));
  const good = await vouch(enterprise);
  const [, payload] = good.split(".");
  const header = { typ: "oauth-id-jag+jwt", kid: idp.key.kid };
  const bad = (name, value) => vouch(enterprise, { claims: { [name]: value } });
  const cases = {
    "another type": vouch(enterprise, { header: { typ: "JWT" } }),
    "no type": vouch(enterprise, { header: { typ: undefined } }),
    "alg none": `${encode({ alg: "none", ...header })}.${payload}.`,
    "HS256 with the public key": new SignJWT({}).setProtectedHeader({ alg: "HS256", ...header }).sign(secret),
    "another's signature": vouch(enterprise, { key: { ...stranger, kid: idp.key.kid } }),
    "a key of its own": vouch(enterprise, { key: stranger, header: { jwk: stranger.jwk } }),
    "an unknown issuer": bad("iss", "https://idp.evil.example"),
    "this server as issuer": bad("iss", ISSUER),
    "a tenant of nobody": bad("tenant", "other"),
    "two audiences": bad("aud", [ISSUER, apis.projects.resource]),
    "the token endpoint as audience": bad("aud", `${ISSUER}/oauth/token`),
    "another client": bad("client_id", apps.web.client_id),
    "no client": bad("client_id", undefined),
    expired: bad("exp", now - 1),
    eternal: bad("exp", now + 86_400),
    "from the future": bad("iat", now + 120),
    "no jti": bad("jti", undefined),
    "no subject": bad("sub", undefined),
    "a foreign resource": bad("resource", "https://other.example"),
    "a scope that is not registered": bad("scope", "read:invoices"),
    "a scope that is not allowed": bad("scope", "write:projects"),
    "a key that is not proved": bad("cnf", { jkt: stranger.thumbprint }),
    garbage: "x.y.z",
  };
  for (const [name, assertion] of Object.entries(cases)) {
    const answer = await present(app, await assertion);
    assert.equal(answer.status, 400, name);
    assert.equal((await answer.json()).error, "invalid_grant", name);
  }
  assert.equal((await present(app, "")).status, 400);
  assert.deepEqual(await latchkey.rows("SELECT id FROM consents WHERE client_id = ?", app.client_id), []);
  assert.ok(idp.asked.filter((path) => path === "/jwks").length <= 2, idp.asked.join(" "));
});

test("of thirty uses of one assertion at once one gets a token, which lives on", async () => {
  const enterprise = await newEnterprise();
  const assertion = await vouch(enterprise);
  const answers = await Promise.all(Array.from({ length: 30 }, () => present(enterprise.app, assertion)));
  const good = answers.filter(({ status }) => status === 200);
  assert.equal(good.length, 1, answers.map(({ status }) => status).join(" "));
  for (const answer of answers.filter(({ status }) => status !== 200)) await expectRefusal(answer, "invalid_grant");
  assert.equal(await isActive(await good[0].json()), true);
});

test("of many who come for the first time at once with assertions of their own each gets a token, as one user", async () => {
  const enterprise = await newEnterprise();
  const assertions = await Promise.all(Array.from({ length: 10 }, () => vouch(enterprise)));
  const answers = await Promise.all(assertions.map((assertion) => present(enterprise.app, assertion)));
  const subjects = await Promise.all(answers.map(async (answer) => claimsOf((await tokens(answer)).access_token).sub));
  assert.equal(new Set(subjects).size, 1);
  const consents = await latchkey.rows("SELECT id FROM consents WHERE client_id = ?", enterprise.app.client_id);
  assert.equal(consents.length, 1);
});

test("an issuer's new key works, and while it is out of reach the known ones do", async () => {
  const enterprise = await newEnterprise();
  const { app, idp } = enterprise;
  await obtain(enterprise);
  const fresh = await newKey("PS256");
  idp.keys = [fresh];
  await pause(10_200);
  await obtain(enterprise, { key: fresh });
  await expectRefusal(await present(app, await vouch(enterprise)), "invalid_grant");
  idp.instead["/jwks"] = failures.hangUp;
  await obtain(enterprise, { key: fresh });
});

test("an issuer that never answered is a reason to try again, and its assertion is not used up", async () => {
  const enterprise = await newEnterprise();
  const { app, idp } = enterprise;
  idp.instead["/jwks"] = failures.status(500);
  const assertion = await vouch(enterprise);
  const answer = await present(app, assertion);
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).error_description, /^the keys of the assertion's issuer cannot be had/);
  delete idp.instead["/jwks"];
  await pause(10_200);
  assert.equal((await present(app, assertion)).status, 200);
});

test("a public app, one nobody reviewed and a suspended one get nothing", async () => {
  const spa = await newApp(latchkey, { app_type: "spa" });
  const draft = await newApp(latchkey, { status: "draft" });
  for (const app of [spa, draft]) {
    const enterprise = await newEnterprise({ allows: app });
    await expectRefusal(await present(app, await vouch(enterprise)), "unauthorized_client");
  }
  const enterprise = await newEnterprise();
  const granted = await obtain(enterprise);
  await suspend(latchkey, enterprise.app);
  await pause(8_500);
  assert.equal((await present(enterprise.app, await vouch(enterprise))).status, 401);
  assert.equal(await isActive(granted), false);
});

test("a bound assertion takes a proof of its key, and the token is bound to it", async () => {
  const enterprise = await newEnterprise();
  const key = await newKey();
  const sender = new ProofSender(latchkey);
  const { app } = enterprise;
  const request = async () => {
    const assertion = await vouch(enterprise, { claims: { cnf: { jkt: key.thumbprint } } });
    const fields = { grant_type: GRANT, assertion, client_id: app.client_id, client_secret: app.secret };
    return { fields };
  };
  const other = await sender.post("/oauth/token", await newKey(), request);
  await expectRefusal(other, "invalid_grant");
  const granted = await tokens(await sender.post("/oauth/token", key, request));
  assert.equal(granted.token_type, "DPoP");
  assert.equal(claimsOf(granted.access_token).cnf.jkt, key.thumbprint);
});

// Covers: R72
test("whoever signs in by the same issuer sees the app, who manages it, and takes it back by themselves", async () => {
  const enterprise = await newEnterprise({ idp: workplace });
  const granted = await obtain(enterprise);
  const person = new Browser(latchkey);
  const sent = (await start(person, "con_workplace")).searchParams;
  workplace.idToken = await workplace.sign(sent);
  const page = await person.open(`${callbackOf("con_workplace")}?code=a-code&state=${sent.get("state")}`);
  assert.match(page.source, /Managed by <bdi>Acme<\/bdi>/);
  const [listed, ...others] = await (await person.request("/api/user/connected-apps")).json();
  assert.deepEqual([listed.organization, listed.client_id, others], ["Acme", enterprise.app.client_id, []]);
  const init = { method: "DELETE", headers: { origin: ISSUER } };
  assert.equal((await person.request(`/api/user/connected-apps/${listed.consent_id}`, init)).status, 200);
  assert.equal(await isActive(granted), false);
});

test("an app revokes a token of its own and no other", async () => {
  const enterprise = await newEnterprise();
  const [one, other] = [await obtain(enterprise), await obtain(enterprise)];
  assert.equal((await revoke(enterprise.app, one.access_token)).status, 200);
  assert.deepEqual([await isActive(one), await isActive(other)], [false, true]);
});

test("storage that fails on the way leaves one consent and a token in the end", async () => {
  for (const faults of [
    [{ at: "DB", match: "trusted_issuers", fail: "before" }],
    [{ at: "DB", match: "INSERT INTO consents", fail: "after" }],
    [{ at: "LEDGER", fail: "before" }],
  ]) {
    const enterprise = await newEnterprise();
    const assertion = await vouch(enterprise);
    const down = await present(enterprise.app, assertion, {}, { faults });
    assert.equal(down.status, 503, JSON.stringify(faults));
    assert.equal((await present(enterprise.app, assertion)).status, 200);
    const consents = await latchkey.rows("SELECT id FROM consents WHERE client_id = ?", enterprise.app.client_id);
    assert.equal(consents.length, 1);
  }
});

// Covers: R62
test("a member's own connection dies with the block, and only members are refused it", async () => {
  const enterprise = await newEnterprise({ allows: await newApp(latchkey) });
  const { app, id } = enterprise;
  const person = async () => {
    const username = await newUser(latchkey);
    return { username, browser: await signedIn(latchkey, username) };
  };
  const [member, outsider] = [await person(), await person()];
  await expectStatus(call(operator, "PUT", `/${id}/members/usr_${member.username}`, { role: "member" }), 200);
  const [own, others] = [await connect(member.browser, app), await connect(outsider.browser, app)];
  await expectStatus(decide(enterprise, { decision: "blocked" }), 200);
  assert.deepEqual([await isActive(own), await isActive(others)], [false, true]);
  await expectRefusal(await refresh(app, own.refresh_token), "invalid_grant");
  assert.equal((await refresh(app, others.refresh_token)).status, 200);
  const ask = (browser, more) => browser.request(authorizationRequest(app, more).url);
  const page = await ask(member.browser, {});
  assert.equal(page.status, 403);
  assert.match(await page.text(), /Your organization does not allow this app/);
  const told = new URL((await ask(member.browser, { prompt: "none" })).headers.get("location")).searchParams;
  assert.deepEqual(
    [told.get("error"), told.get("error_description")],
    ["access_denied", "this app cannot be connected at the moment"],
  );
  assert.equal((await ask(outsider.browser, {})).status, 303);
  // Allowed again, it has to ask anew.
  await expectStatus(decide(enterprise, { decision: "allowed", scopes: SCOPES }), 200);
  assert.equal(await isActive(own), false);
  assert.equal(await isActive(await connect(member.browser, app)), true);
});

test("a page that was open when the app was blocked allows nothing", async () => {
  const enterprise = await newEnterprise();
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  await expectStatus(call(operator, "PUT", `/${enterprise.id}/members/usr_${username}`, { role: "member" }), 200);
  const page = await browser.authorize(authorizationRequest(enterprise.app).url);
  assert.equal(page.status, 200);
  await expectStatus(decide(enterprise, { decision: "blocked" }), 200);
  assert.equal((await browser.allow(page)).status, 403);
  assert.equal(await latchkey.count("consents", "user_id = ?", `usr_${username}`), 0);
});

// Covers: R63
test("keys that are huge, slow, no JSON, private or somewhere else are not believed, and the assertion is not used up", async () => {
  const privateKey = { ...(await newKey()).jwk, d: "x" };
  const kinds = {
    huge: [failures.huge, /jwks_uri/],
    endless: [failures.endless, /jwks_uri/],
    stuck: [failures.stuck, /jwks_uri/],
    "no JSON": [failures.noJson, /something that is not JSON/],
    private: [
      (_, response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [privateKey] })),
      /key set/,
    ],
    gone: [failures.status(404), /status 404/],
  };
  await Promise.all(
    Object.entries(kinds).map(async ([name, [answers, words]]) => {
      const enterprise = await newEnterprise();
      enterprise.idp.instead["/jwks"] = answers;
      const answer = await present(enterprise.app, await vouch(enterprise));
      assert.equal(answer.status, 503, name);
      assert.match((await answer.json()).error_description, words, name);
      assert.equal(enterprise.idp.asked.filter((path) => path === "/jwks").length, 1, name);
    }),
  );
});

// Covers: R72
test("the app's developer is told of a connection that an organization made, and of its end, but not by whom", async () => {
  const enterprise = await newEnterprise();
  const username = await newUser(latchkey);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_northwind', ?, 'member')",
    `usr_${username}`,
  );
  const receiver = await startReceiver();
  const made = await (await signedIn(latchkey, username)).request("/api/developer/accounts/dev_northwind/webhooks", {
    method: "POST",
    headers: { origin: ISSUER, "content-type": "application/json" },
    body: JSON.stringify({ url: receiver.url, events: ["consent.granted", "consent.ended"] }),
  });
  const { secret } = await made.json();
  const next = async () => {
    await latchkey.ringLedgers();
    await latchkey.worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    const told = (await receiver.take(1)).map(({ body, headers }) => new Webhook(secret).verify(body, headers));
    return told.find(({ data }) => data.client_id === enterprise.app.client_id);
  };
  const { sub } = claimsOf((await obtain(enterprise)).access_token);
  const granted = await next();
  const { consent_id } = granted.data;
  assert.deepEqual([granted.type, granted.data.user_id, granted.data.scopes], ["consent.granted", sub, SCOPES]);
  assert.ok(!JSON.stringify(granted).includes(enterprise.id));
  await expectStatus(decide(enterprise, { decision: "blocked" }), 200);
  const ended = await next();
  assert.deepEqual([ended.type, ended.data.consent_id, ended.data.ended_by], ["consent.ended", consent_id, "operator"]);
});
