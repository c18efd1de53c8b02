// TOKEN: who gets tokens, for how long, and how everybody else is refused.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectRefusal } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { basic, challengeOf, claimsOf, form, oauthClient } from "../support/oauth.mjs";
import { apis, apps, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { token, redeem, refresh, tokens, connect } = oauthClient(latchkey);
const newGrant = async (client = apps.spa, parameters) =>
  (await signedIn(latchkey, await newUser(latchkey))).connect(client, parameters);
const newFamily = async (client = apps.spa, parameters) =>
  connect(await signedIn(latchkey, await newUser(latchkey)), client, parameters);
const next = async (client, { refresh_token }) => tokens(await refresh(client, refresh_token));

// Rule: TOKEN 8
test("a success says what was granted, in JSON that nobody stores", async () => {
  const family = await newFamily(apps.web);
  const grants = [
    await redeem(await newGrant(apps.web)),
    await refresh(apps.web, family.refresh_token),
    await token(apps.server, { grant_type: "client_credentials" }),
  ];
  for (const answer of grants) {
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type"), /^application\/json(;|$)/);
    assert.match(answer.headers.get("cache-control"), /no-store/);
    assert.equal(answer.headers.get("pragma"), "no-cache");
    const { access_token, token_type, expires_in, scope } = await answer.json();
    assert.deepEqual([token_type, scope], ["Bearer", claimsOf(access_token).scope]);
    assert.equal(claimsOf(access_token).exp - claimsOf(access_token).iat, expires_in);
  }
});

// Rule: TOKEN 2
test("an empty parameter is an absent one at the token endpoint", async () => {
  const grant = await newGrant();
  const empty = { scope: "", resource: "", client_secret: "", client_assertion: "", refresh_token: "" };
  await tokens(await redeem(grant, { ...empty, redirect_uri: "" }));
});

// Rule: TOKEN 2
test("any repeated parameter is refused, even one that nobody reads, but not resource", async () => {
  const { resource } = apis.projects;
  for (const name of ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "scope", "audience", "foo"]) {
    const grant = await newGrant();
    const body = { grant_type: "authorization_code", ...grant, client_id: grant.client.client_id };
    const { client, state, iss, ...fields } = body;
    const twice = form({ ...fields, [name]: [fields[name] ?? "x", fields[name] ?? "x"] });
    await expectRefusal(await latchkey.fetch("/oauth/token", { method: "POST", body: twice }), "invalid_request");
    await tokens(await redeem(grant, { resource: [resource, resource] }));
  }
});

// Rule: TOKEN 4
test("a secret is taken as it is, or form-encoded, by post or by Basic", async () => {
  for (const client of [apps.web, apps.server]) {
    const { client_id, secret } = client;
    assert.match(client_id + secret, /^[A-Za-z0-9._~-]+$/, "a letter that libraries encode in different ways");
    const plain = { authorization: `Basic ${btoa(`${client_id}:${secret}`)}` };
    const ways = [
      [plain, {}],
      [{ authorization: basic(client_id, secret) }, {}],
      [{}, { client_id, client_secret: secret }],
    ];
    for (const [headers, fields] of ways) {
      const body = form({ grant_type: "refresh_token", refresh_token: "lkr_x", ...fields });
      await expectRefusal(await latchkey.fetch("/oauth/token", { method: "POST", headers, body }), "invalid_grant");
    }
  }
});

// Rule: TOKEN 9, PEER 16, FAPI 4
test("each mistake has the status and the code that the standard gives it", async (t) => {
  const family = await newFamily(apps.web);
  const as = (client) => (fields) => token(client, fields);
  const web = as(apps.web);
  const nobody = { client_id: "app_nobody", method: "none" };
  const code = { grant_type: "authorization_code", code: "lkc_x", code_verifier: "x".repeat(43) };
  const renew = { grant_type: "refresh_token", refresh_token: family.refresh_token };
  const cases = {
    "no grant type": ["invalid_request", web({})],
    "no code": ["invalid_request", web({ ...code, code: undefined })],
    "no refresh token": ["invalid_request", web({ grant_type: "refresh_token" })],
    "an unknown grant": ["unsupported_grant_type", web({ grant_type: "urn:x" })],
    "a password": ["unsupported_grant_type", web({ grant_type: "password", username: "alice", password: "x" })],
    "an unknown code": ["invalid_grant", web(code)],
    "an unknown refresh token": ["invalid_grant", web({ ...renew, refresh_token: "lkr_x" })],
    "an unknown client with a code": ["invalid_client", as(nobody)(code)],
    "an unknown client with a good refresh token": ["invalid_client", as(nobody)(renew)],
    "an unknown client for itself": ["invalid_client", as(nobody)({ grant_type: "client_credentials" })],
    "a wrong secret": ["invalid_client", as({ ...apps.web, secret: "lks_x" })(renew)],
    "a grant the client has not": ["unauthorized_client", web({ grant_type: "client_credentials" })],
    "more scope than granted": ["invalid_scope", web({ ...renew, scope: "write:everything" })],
    "a scope with a forbidden letter": ["invalid_scope", web({ ...renew, scope: 'a"b' })],
    "a resource outside the grant": ["invalid_target", web({ ...renew, resource: "https://unknown.example" })],
  };
  for (const [name, [error, answer]] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await answer, error));
  await next(apps.web, family);
});

// Rule: TOKEN 10, AUTHZ 31, AUTHZ 32
test("an error is JSON whatever the caller would like to see, and repeats nothing that was sent", async (t) => {
  const value = "sEcReT-<b>1234567890</b>";
  const names = ["grant_type", "code", "refresh_token", "client_id", "client_secret", "code_verifier", "redirect_uri"];
  for (const accept of ["text/html", "*/*", "image/png"]) {
    for (const grant_type of ["authorization_code", "refresh_token", "client_credentials", "x"]) {
      for (const name of [...names, "resource"]) {
        await t.test(`${accept}, ${grant_type}, ${name}`, async () => {
          const fields = { grant_type, client_id: apps.spa.client_id, code: "lkc_x", refresh_token: "lkr_x" };
          const body = form({ ...fields, code_verifier: "x".repeat(43), [name]: value });
          const answer = await latchkey.fetch("/oauth/token", { method: "POST", headers: { accept }, body });
          assert.ok(answer.status >= 400 && answer.status < 500, String(answer.status));
          assert.match(answer.headers.get("content-type"), /^application\/json(;|$)/);
          const text = await answer.text();
          assert.ok(JSON.parse(text).error && !text.includes("sEcReT"), text);
        });
      }
    }
  }
});

// Rule: TOKEN 18, FAPI 28
test("refresh tokens have 128 bits and more, and differ in more than a counter", async () => {
  const all = [];
  for (let round = 0; round < 5; round++) {
    const first = await newFamily();
    all.push(first.refresh_token, (await next(apps.spa, first)).refresh_token);
  }
  assert.equal(new Set(all.map((one) => one.slice(-22))).size, all.length);
  for (const one of all) assert.ok(one.length >= 44, one);
});

// Rule: TOKEN 19
test("offline_access is no scope of a token, and a refresh token comes with or without it", async () => {
  for (const scope of ["read:profile", "read:profile offline_access", "offline_access read:profile"]) {
    const family = await newFamily(apps.spa, { scope, prompt: "consent" });
    assert.equal(family.scope, "read:profile");
    assert.ok(family.refresh_token);
    assert.equal((await next(apps.spa, family)).scope, "read:profile");
  }
});

// Rule: AUTHZ 18, AUTHZ 22, PEER 4
test("a verifier that is the challenge, or empty, opens nothing", async () => {
  const grant = await newGrant();
  for (const code_verifier of [challengeOf(grant.code_verifier), "", undefined])
    await expectRefusal(await redeem(grant, { code_verifier }), ["invalid_grant", "invalid_request"]);
  await tokens(await redeem(grant));
});

// Rule: PEER 6
test("refreshing needs the app that got the token, and its secret, not just any app's", async () => {
  const family = await newFamily(apps.web);
  await expectRefusal(await refresh(apps.rival, family.refresh_token), "invalid_grant");
  await expectRefusal(await refresh({ ...apps.web, secret: apps.rival.secret }, family.refresh_token), "invalid_client");
  const nameless = form({ grant_type: "refresh_token", refresh_token: family.refresh_token });
  await expectRefusal(await latchkey.fetch("/oauth/token", { method: "POST", body: nameless }), "invalid_client");
  await next(apps.web, family);
});
