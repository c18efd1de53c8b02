// FAPI: what an app on the FAPI 2.0 profile may do, and what it is held to.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectErrorRedirect, expectRefusal } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, basic, claimsOf, form, headerOf, oauthClient } from "../support/oauth.mjs";
import { apis, CALLBACK, newUser } from "../support/platform.mjs";
import { newAppWith, newFapiApp, newKey, newKeyedApp, ProofSender, proven } from "../support/strong_clients.mjs";

const latchkey = await startLatchkey();
const { tokens } = oauthClient(latchkey);
const now = () => Math.floor(Date.now() / 1000);
const key = await newKey();
const app = await newFapiApp(latchkey);
const sender = new ProofSender(latchkey);

// A request as the profile wants it: a new assertion each time, and a proof by `signer`.
const post = (path, fields, { as = app, signer = key, assertion, proof } = {}) =>
  sender.post(path, signer, async () => ({ fields: { ...fields, ...(await proven(as, assertion)) } }), proof);
const itself = (options) => post("/oauth/token", { grant_type: "client_credentials" }, options);
const bound = async (answer) => {
  const body = await tokens(answer);
  assert.equal(body.token_type, "DPoP");
  return body;
};

function request(client = app, parameters) {
  const { url, ...grant } = authorizationRequest(client, parameters);
  return { grant, fields: Object.fromEntries(new URL(url).searchParams) };
}
async function codeFor(parameters) {
  const { grant, fields } = request(app, parameters);
  const answer = await post("/oauth/par", fields);
  const text = await answer.text();
  assert.equal(answer.status, 201, text);
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const { request_uri } = JSON.parse(text);
  const page = await browser.authorize(`/oauth/authorize?${form({ client_id: app.client_id, request_uri })}`);
  const { leaves, status } = await browser.allow(page);
  assert.equal(status, 303);
  assert.equal(leaves.searchParams.get("iss"), ISSUER);
  const { code_verifier, redirect_uri } = grant;
  return { grant_type: "authorization_code", code: leaves.searchParams.get("code"), code_verifier, redirect_uri };
}
const redeem = (grant, options) => post("/oauth/token", grant, options);
const refresh = (refresh_token, options) => post("/oauth/token", { grant_type: "refresh_token", refresh_token }, options);

// Rule: FAPI 6, FAPI 13, FAPI 17, FAPI 18, FAPI 19, FAPI 22
test("by a pushed request, an assertion and a proof the app gets tokens that are bound to its key", async () => {
  const { access_token } = await bound(await redeem(await codeFor()));
  assert.deepEqual(claimsOf(access_token).cnf, { jkt: key.thumbprint });
});

// Rule: FAPI 6
test("no token without a proof, whatever the grant, and nothing is lost by trying", async () => {
  const missing = ["invalid_dpop_proof", "invalid_request", "invalid_grant"];
  await expectRefusal(await itself({ signer: null }), missing);
  const grant = await codeFor();
  await expectRefusal(await redeem(grant, { signer: null }), missing);
  const { refresh_token } = await bound(await redeem(grant));
  await expectRefusal(await refresh(refresh_token, { signer: null }), missing);
  await bound(await refresh(refresh_token));
});

// Rule: FAPI 10
test("the refresh token stays the same, however often and late it is used, also by many at once", async () => {
  const first = await bound(await redeem(await codeFor()));
  for (let round = 0; round < 4; round++) {
    const next = await bound(await refresh(first.refresh_token));
    assert.ok([undefined, first.refresh_token].includes(next.refresh_token), "it was rotated");
    assert.notEqual(claimsOf(next.access_token).jti, claimsOf(first.access_token).jti);
    if (round === 1) await latchkey.age(10 * 60_000);
  }
  const many = await Promise.all(Array.from({ length: 5 }, () => refresh(first.refresh_token)));
  for (const answer of many) await bound(answer);
});

// Rule: FAPI 10, TOKEN 13
test("a refresh token that stays the same is still worth nothing to others, or once it was revoked", async () => {
  const { refresh_token } = await bound(await redeem(await codeFor()));
  const other = await newFapiApp(latchkey);
  await expectRefusal(await refresh(refresh_token, { as: other }), "invalid_grant");
  const revoked = await post("/oauth/revoke", { token: refresh_token }, { signer: null });
  assert.equal(revoked.status, 200, await revoked.text());
  await expectRefusal(await refresh(refresh_token), "invalid_grant");
});

// Rule: FAPI 7, TOKEN 7
test("secrets prove nothing, although the app has one and asks for no key", async () => {
  const weak = await newAppWith(latchkey, { security_profile: "fapi_2" });
  for (const client of [app, weak]) {
    const { client_id, secret } = client;
    for (const path of ["/oauth/token", "/oauth/par"]) {
      const fields = { grant_type: "client_credentials", ...request(client).fields };
      const ways = [
        { fields: { ...fields, client_id, client_secret: secret } },
        { fields, headers: { authorization: basic(client_id, secret) } },
        { fields: { ...fields, client_id } },
      ];
      for (const way of ways) await expectRefusal(await sender.post(path, key, () => way), "invalid_client");
    }
  }
});

// Rule: FAPI 5
test("a public app cannot be on the profile", async () => {
  const open = await newAppWith(latchkey, { security_profile: "fapi_2" }, { app_type: "spa" });
  const { fields } = request(open);
  const refusals = ["invalid_client", "unauthorized_client"];
  await expectRefusal(await sender.post("/oauth/par", key, () => ({ fields })), refusals);
  const renew = { grant_type: "refresh_token", refresh_token: "lkr_x", client_id: open.client_id };
  await expectRefusal(await sender.post("/oauth/token", key, () => ({ fields: renew })), refusals);
  const { searchParams } = new URL(
    (await latchkey.fetch(authorizationRequest(open).url)).headers.get("location") ?? "x:?error=page",
  );
  assert.ok(searchParams.get("error"));
});

// Rule: FAPI 8
test("the audience of an assertion is the issuer as a string, whatever the app's settings say", async () => {
  const lenient = await newFapiApp(latchkey, { settings: { accepts_token_endpoint_audience: 1 } });
  const token = `${ISSUER}/oauth/token`;
  for (const as of [app, lenient]) {
    await bound(await itself({ as }));
    for (const aud of [[ISSUER], token, [token], [ISSUER, token], undefined, `${ISSUER}/`])
      await expectRefusal(await itself({ as, assertion: { claims: { aud } } }), "invalid_client");
  }
});

// Rule: FAPI 14
test("times up to 10 seconds ahead are accepted, more than 60 seconds ahead refused", async () => {
  for (const ahead of [0, 5, 9]) {
    const times = { iat: now() + ahead, nbf: now() + ahead, exp: now() + 120 };
    await bound(await itself({ assertion: { claims: times }, proof: { claims: { iat: now() + ahead } } }));
  }
  for (const claims of [{ iat: now() + 70 }, { nbf: now() + 70 }])
    await expectRefusal(await itself({ assertion: { claims: { exp: now() + 300, ...claims } } }), "invalid_client");
  await expectRefusal(await itself({ proof: { claims: { iat: now() + 70 } } }), "invalid_dpop_proof");
});

// Rule: FAPI 16, PAR 7
test("a request that was not pushed is refused by redirect, and one pushed by nobody as invalid_client", async () => {
  const plain = await latchkey.fetch(authorizationRequest(app, { state: "s" }).url);
  expectErrorRedirect(plain, { redirect_uri: CALLBACK, error: "invalid_request", state: "s" });
  const { fields } = request();
  await expectRefusal(await latchkey.fetch("/oauth/par", { method: "POST", body: form(fields) }), "invalid_client");
  const bad = { aud: "https://other.example" };
  await expectRefusal(await post("/oauth/par", fields, { assertion: { claims: bad } }), "invalid_client");
});

// Rule: FAPI 15, FAPI 17, FAPI 18
test("a pushed request without code, S256 or redirect_uri is refused", async () => {
  const { fields } = request();
  const cases = [
    [["unsupported_response_type"], { response_type: "code id_token" }],
    [["invalid_request"], { response_type: undefined }],
    [["invalid_request"], { code_challenge: undefined, code_challenge_method: undefined }],
    [["invalid_request"], { code_challenge_method: "plain" }],
    [["invalid_request"], { redirect_uri: undefined }],
    [["invalid_request"], { redirect_uri: "http://app.example/callback" }],
  ];
  for (const [errors, changes] of cases) await expectRefusal(await post("/oauth/par", { ...fields, ...changes }), errors);
});

// Rule: FAPI 21
test("a code is good once, also for somebody with every proof in hand", async () => {
  const grant = await codeFor();
  const { refresh_token } = await bound(await redeem(grant));
  await expectRefusal(await redeem(grant), "invalid_grant");
  await expectRefusal(await refresh(refresh_token), "invalid_grant");
});

// Rule: FAPI 26, FAPI 27
test("PS256, ES256 and EdDSA sign assertions and proofs; RS256, which others may use, does not", async (t) => {
  for (const alg of ["PS256", "ES256", "EdDSA"]) {
    await t.test(alg, async () => {
      const strong = await newFapiApp(latchkey, { keys: [await newKey(alg)] });
      await bound(await itself({ as: strong, signer: await newKey(alg) }));
    });
  }
  await t.test("RS256", async () => {
    const rsa = await newKey("RS256");
    const weak = await newFapiApp(latchkey, { keys: [rsa] });
    await expectRefusal(await itself({ as: weak }), "invalid_client");
    await expectRefusal(await itself({ signer: rsa }), "invalid_dpop_proof");
    const plain = await newKeyedApp(latchkey, { keys: [rsa] });
    await bound(await itself({ as: plain, signer: rsa }));
  });
});

// Rule: FAPI 26
test("an access token is not signed with RS256, although the API asks for it and others get it", async () => {
  await latchkey.run("UPDATE apis SET signing_algorithm = 'RS256' WHERE id = ?", apis.projects.id);
  const [plain, strict] = [await newKeyedApp(latchkey), await newFapiApp(latchkey)];
  const algorithmFor = async (as) => headerOf((await bound(await itself({ as }))).access_token).alg;
  assert.deepEqual([await algorithmFor(plain), await algorithmFor(strict)], ["RS256", "ES256"]);
});
