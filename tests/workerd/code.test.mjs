import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNotStored, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { claimsOf, headerOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, redeem, refresh, introspect, revoke, tokens, connect } = oauthClient(latchkey);
const { projects, billing } = apis;

const newGrant = async (client = apps.spa, parameters) =>
  (await signedIn(latchkey, await newUser(latchkey))).connect(client, parameters);
const isActive = async (access_token) => (await (await introspect(projects.credential, access_token)).json()).active;
const refreshed = async (client, { refresh_token }) => refresh(client, refresh_token);

// Covers: R48, R49
// Rule: TOKEN 8
test("a code with its verifier becomes tokens", async (t) => {
  for (const client of [apps.spa, apps.web, apps.post]) {
    await t.test(`${client.app_type} app, ${client.method}`, async () => {
      const answer = await redeem(await newGrant(client));
      expectNotStored(answer);
      assert.match(answer.headers.get("content-type"), /^application\/json/);
      const { access_token, refresh_token, ...rest } = await tokens(answer);
      assert.deepEqual(rest, { token_type: "Bearer", expires_in: 3600, scope: "read:profile read:projects" });
      assert.match(refresh_token, /^lkr_[A-Za-z0-9._~-]{40,}$/);
      assert.equal(access_token.split(".").length, 3);
    });
  }
});

// Covers: R15, R43, R53, R56, B29, B30
// Rule: RES 5, RES 6, RES 10
test("the access token says for whom, for what, by which app, and how long", async () => {
  const started = Math.floor(Date.now() / 1000);
  const username = await newUser(latchkey);
  const { access_token } = await connect(await signedIn(latchkey, username), apps.web);
  const { iat, exp, jti, auth_time, latchkey: own, status, ...claims } = claimsOf(access_token);
  assert.deepEqual(claims, {
    iss: ISSUER,
    sub: `usr_${username}`,
    aud: projects.resource,
    client_id: apps.web.client_id,
    scope: "read:profile read:projects",
    app_type: "third_party",
    developer_id: "dev_northwind",
  });
  assert.ok(Math.abs(iat - started) < 10 && auth_time <= iat && auth_time > started - 10);
  assert.equal(exp - iat, 3600);
  assert.ok(jti.length >= 16 && typeof own === "object");
  assert.deepEqual(Object.keys(status), ["status_list"]);
  const { typ, alg, kid } = headerOf(access_token);
  assert.deepEqual([typ, alg, typeof kid], ["at+jwt", "ES256", "string"]);
});

// Rule: RES 3, RES 7
test("the token is for the API whose scopes were asked for", async () => {
  const { access_token } = await connect(await signedIn(latchkey), apps.web, {
    scope: "read:invoices",
    resource: billing.resource,
  });
  assert.equal(claimsOf(access_token).aud, billing.resource);
});

const changed = (text) => (text[0] === "A" ? "B" : "A") + text.slice(1);

// Covers: R43, R49, R55
// Rule: AUTHZ 16, AUTHZ 17, AUTHZ 18, AUTHZ 19, AUTHZ 22, AUTHZ 24, AUTHZ 25, UI 11, PEER 2, PEER 7
test("a wrong guess is refused and does not burn the code", async (t) => {
  const wrong = [
    ["invalid_grant", "another app", { as: apps.mobile }],
    ["invalid_grant", "another app that authenticates", { as: apps.rival }],
    ["invalid_grant", "another address", { redirect_uri: "http://localhost/callback" }],
    ["invalid_grant", "another port", { redirect_uri: "http://127.0.0.1:1/callback" }],
    ["invalid_grant", "another verifier", ({ code_verifier }) => ({ code_verifier: changed(code_verifier) })],
    ["invalid_grant", "a verifier that is too short", { code_verifier: "short" }, ["invalid_request"]],
    ["invalid_grant", "a verifier with other letters", { code_verifier: "+".repeat(43) }, ["invalid_request"]],
    ["invalid_grant", "no verifier", { code_verifier: undefined }, ["invalid_request"]],
    ["invalid_grant", "an empty verifier", { code_verifier: "" }, ["invalid_request"]],
    ["invalid_target", "another resource", { resource: billing.resource }],
    ["invalid_target", "an unknown resource", { resource: "https://unknown.example" }],
    ["invalid_request", "a repeated code", ({ code }) => ({ code: [code, code] })],
    [
      "invalid_request",
      "a repeated verifier",
      ({ code_verifier }) => ({ code_verifier: [code_verifier, code_verifier] }),
    ],
  ];
  for (const [error, name, changes, also = []] of wrong) {
    await t.test(name, async () => {
      const grant = await newGrant();
      const given = typeof changes === "function" ? changes(grant) : changes;
      await expectRefusal(await redeem(grant, given), [error, ...also]);
      await tokens(await redeem(grant));
    });
  }
  await t.test("a confidential app without its secret", async () => {
    const grant = await newGrant(apps.web);
    await expectRefusal(await redeem(grant, { as: { ...apps.web, method: "none" } }), "invalid_client");
    await tokens(await redeem(grant));
  });
});

// Covers: R49
// Rule: AUTHZ 21, AUTHZ 23
test("the second valid use is refused and ends what the first one got", async () => {
  for (const client of [apps.spa, apps.web]) {
    const grant = await newGrant(client);
    const first = await tokens(await redeem(grant));
    assert.equal(await isActive(first.access_token), true);
    await expectRefusal(await redeem(grant), "invalid_grant");
    assert.equal(await isActive(first.access_token), false);
    await expectRefusal(await refreshed(client, first), "invalid_grant");
  }
});

// Rule: AUTHZ 23, UI 11
test("a stolen code without its verifier ends nothing", async (t) => {
  const thefts = {
    "wrong verifier": ({ code_verifier }) => ({ code_verifier: changed(code_verifier) }),
    "no verifier": () => ({ code_verifier: undefined }),
    "another app": () => ({ as: apps.rival }),
    "another address": () => ({ redirect_uri: "http://127.0.0.1:1/callback" }),
  };
  for (const [name, theft] of Object.entries(thefts)) {
    await t.test(name, async () => {
      const grant = await newGrant();
      const first = await tokens(await redeem(grant));
      assert.equal((await redeem(grant, theft(grant))).status, 400);
      assert.equal(await isActive(first.access_token), true);
      await tokens(await refreshed(apps.spa, first));
    });
  }
});

const slowRead = [{ at: "KV.get", match: "code:", delayAfter: 100 }];
const usedAgain = /code.*(again|more than once|twice|reus|replay)/i;

// Covers: R49, B20
// Rule: AUTHZ 21, AUTHZ 23, PEER 1
test("of 50 redemptions at once one gets tokens, and they end because the code was used again", async () => {
  const grant = await newGrant(apps.web);
  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(grant, {}, { faults: slowRead })));
  const winners = answers.filter(({ status }) => status === 200);
  assert.equal(winners.length, 1);
  for (const answer of answers.filter((one) => !winners.includes(one))) await expectRefusal(answer, "invalid_grant");

  const won = await tokens(winners[0]);
  assert.equal(await isActive(won.access_token), false);
  const { error_description } = await expectRefusal(await refreshed(apps.web, won), "invalid_grant");
  assert.match(error_description, usedAgain);
});

test("one slow redemption gets tokens that live, and a family ended otherwise does not blame the code", async () => {
  const only = await tokens(await redeem(await newGrant(apps.web), {}, { faults: slowRead }));
  assert.equal(await isActive(only.access_token), true);
  await revoke(apps.web, only.refresh_token);
  const { error_description } = await expectRefusal(await refreshed(apps.web, only), "invalid_grant");
  assert.doesNotMatch(error_description, usedAgain);
});

const emptyKv = async () => {
  const { keys } = await latchkey.kv.list({ prefix: "code:" });
  await Promise.all(keys.map(({ name }) => latchkey.kv.delete(name)));
  return keys.length;
};

// Covers: R49
test("with KV empty the code still becomes tokens, once", async () => {
  const grant = await newGrant();
  assert.ok((await emptyKv()) > 0);
  const first = await tokens(await redeem(grant));
  assert.equal(await isActive(first.access_token), true);
  await expectRefusal(await redeem(grant), "invalid_grant");
});

test("a read of KV that misses or fails is made good by the copy", async (t) => {
  for (const fault of [{ answer: null }, { fail: "before" }, { fail: "after" }]) {
    await t.test(JSON.stringify(fault), async () => {
      const grant = await newGrant();
      await tokens(await redeem(grant, {}, { faults: [{ at: "KV.get", match: "code:", ...fault }] }));
    });
  }
});

test("neither store gives the code back in readable form", async () => {
  const grant = await newGrant();
  const [{ name }] = (await latchkey.kv.list({ prefix: "code:" })).keys.slice(-1);
  assert.match(name, /^code:[A-Za-z0-9_-]{43}$/);
  assert.ok(!name.includes(grant.code.slice(4)));
});

// Rule: AUTHZ 21
test("made-up codes cost no storage", async (t) => {
  const grant = await newGrant();
  await redeem(grant);
  const { code } = grant;
  const other = code.at(-6) === "A" ? "Q" : "A";
  const cases = [
    "x",
    "lkc_",
    "lkc_x",
    `lkc_${"A".repeat(86)}`,
    code.slice(0, -2),
    `${code}A`,
    changed(code),
    "lkr_x",
    "a.b.c",
    "%00",
  ];
  for (const guess of [...cases, code.slice(0, -6) + other + code.slice(-5)]) {
    await t.test(guess, async () => {
      // Twice: the first reads the app's record again if that is due, and on a busy machine it may be.
      await redeem(grant, { code: guess });
      const answer = await redeem(grant, { code: guess });
      await expectRefusal(answer, "invalid_grant");
      assert.equal(trips(answer).depth, 0, JSON.stringify(trips(answer)));
    });
  }
});

test("a redemption costs two trips one after another, and a refresh one", async () => {
  const [first, second] = [await newGrant(apps.web), await newGrant(apps.web)];
  await tokens(await redeem(first));
  const answer = await redeem(second);
  assert.deepEqual(trips(answer), { "KV.get": 1, "LEDGER.fetch": 1, depth: 2 });
  const next = await refreshed(apps.web, await tokens(answer));
  assert.deepEqual(trips(next), { "LEDGER.fetch": 1, depth: 1 });
});

// Covers: B25
test("two flows side by side in one browser keep to their own verifiers", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const [one, two] = [await browser.connect(apps.spa), await browser.connect(apps.spa)];
  await expectRefusal(await redeem(one, { code_verifier: two.code_verifier }), "invalid_grant");
  const [first, second] = [await tokens(await redeem(one)), await tokens(await redeem(two))];
  await expectRefusal(await redeem(one), "invalid_grant");
  assert.equal(await isActive(first.access_token), false);
  assert.equal(await isActive(second.access_token), true);
});

test("a code is no refresh token, and a refresh token no code", async () => {
  const grant = await newGrant();
  await expectRefusal(await refresh(apps.spa, grant.code), "invalid_grant");
  const { refresh_token } = await tokens(await redeem(grant));
  await expectRefusal(await redeem(grant, { code: refresh_token }), "invalid_grant");
  await tokens(await refresh(apps.spa, refresh_token));
});

// Covers: R48
test("a redemption lacking a parameter is told so", async () => {
  const grant = await newGrant();
  await expectRefusal(await redeem(grant, { code: undefined }), "invalid_request");
  await expectRefusal(await token(apps.spa, { grant_type: "authorization_code" }), "invalid_request");
});
