// AUTHZ: what a code is good for.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectRefusal } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { claimsOf, oauthClient } from "../support/oauth.mjs";
import { apps, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, tokens } = oauthClient(latchkey);
const newGrant = async (client = apps.spa, parameters) =>
  (await signedIn(latchkey, await newUser(latchkey))).connect(client, parameters);

// Rule: AUTHZ 25
test("a client of OAuth 2.1 need not repeat the redirect URI", async () => {
  for (const client of [apps.spa, apps.web]) {
    await tokens(await redeem(await newGrant(client), { redirect_uri: undefined }));
    await tokens(await redeem(await newGrant(client), { redirect_uri: "" }));
  }
});

// Rule: AUTHZ 25
test("a redirect URI that is sent must be the one the code went to", async () => {
  const grant = await newGrant();
  for (const redirect_uri of ["http://127.0.0.1/callback", `${grant.redirect_uri}/`, "https://evil.example/"])
    await expectRefusal(await redeem(grant, { redirect_uri }), "invalid_grant");
  await tokens(await redeem(grant));
});

// Rule: AUTHZ 21, FAPI 12, PEER 13
test("a code lives 60 seconds, and KV keeps it longer than KV's shortest time", async () => {
  const grant = await newGrant();
  const { keys } = await latchkey.kv.list({ prefix: "code:" });
  const seconds = Date.now() / 1000;
  for (const { expiration } of keys) assert.ok(expiration > seconds + 60, `${expiration} is soon`);
  const [copy] = await latchkey.rows("SELECT * FROM authorization_codes ORDER BY expires_at DESC LIMIT 1");
  const payload = JSON.parse(copy.payload);
  const left = payload.expires_at - Date.now();
  assert.ok(left > 0 && left <= 60_000, `${left} ms`);

  const expired = JSON.stringify({ ...payload, expires_at: Date.now() - 1 });
  await latchkey.kv.put(`code:${copy.code_hash}`, expired, { expirationTtl: 300 });
  await latchkey.run("UPDATE authorization_codes SET payload = ? WHERE code_hash = ?", expired, copy.code_hash);
  await expectRefusal(await redeem(grant), "invalid_grant");
});

// Rule: AUTHZ 22
test("a redemption cannot ask for more than was agreed to", async () => {
  const grant = await newGrant(apps.spa, { scope: "read:profile" });
  const answer = await redeem(grant, { scope: "read:profile write:projects" });
  if (answer.status === 200) assert.equal(claimsOf((await tokens(answer)).access_token).scope, "read:profile");
  else await expectRefusal(answer, ["invalid_scope", "invalid_request"]);
});

// Rule: AUTHZ 16
test("a verifier is 43 to 128 unreserved letters", async () => {
  const grant = await newGrant();
  const bad = ["x".repeat(42), "x".repeat(129), `${"x".repeat(42)}ü`, `${"x".repeat(42)}+`, `${"x".repeat(43)} `];
  for (const code_verifier of bad)
    await expectRefusal(await redeem(grant, { code_verifier }), ["invalid_grant", "invalid_request"]);
  await tokens(await redeem(grant));
});

// Rule: AUTHZ 21, FAPI 28
test("codes have 128 bits and more, and never come twice", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const codes = new Set();
  for (let round = 0; round < 10; round++) codes.add((await browser.connect(apps.spa)).code);
  assert.equal(codes.size, 10);
  for (const code of codes) assert.ok(code.length >= "lkc_".length + 22, code);
});
