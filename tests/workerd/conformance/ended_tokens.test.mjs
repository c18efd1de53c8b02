// REV: ending tokens, and asking whether they have ended.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectRefusal } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { claimsOf, form, oauthClient } from "../support/oauth.mjs";
import { apis, apps, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const { projects } = apis;
const newFamily = async (client = apps.spa) => connect(await signedIn(latchkey, await newUser(latchkey)), client);
const seen = async (token, caller = projects.credential) => (await introspect(caller, token)).json();

// Rule: REV 1, PEER 14
test("revocation and introspection take a form, and nothing else", async (t) => {
  const { access_token } = await newFamily(apps.web);
  const credentials = { client_id: apps.web.client_id, client_secret: apps.web.secret };
  const fields = { token: access_token, ...credentials };
  for (const path of ["/oauth/revoke", "/oauth/introspect"]) {
    await t.test(path, async () => {
      const bodies = [
        [JSON.stringify(fields), "application/json"],
        [form(fields).toString(), "text/plain"],
        [form(fields).toString(), "multipart/form-data"],
        [form(fields).toString(), ";=;"],
      ];
      for (const [body, type] of bodies)
        await expectRefusal(
          await latchkey.fetch(path, { method: "POST", headers: { "content-type": type }, body }),
          "invalid_request",
        );
      for (const method of ["GET", "PUT", "DELETE"])
        assert.equal((await latchkey.fetch(`${path}?${form(fields)}`, { method })).status, 405, method);
    });
  }
  assert.equal((await seen(access_token)).active, true);
});

// Rule: REV 6
test("revocation answers no script tag: a callback parameter changes nothing", async () => {
  for (const name of ["callback", "jsonp"]) {
    const answer = await revoke(apps.spa, "lkr_x", { [name]: "package.doIt" });
    assert.match(answer.headers.get("content-type"), /^application\/json/);
    assert.ok(!(await answer.text()).includes("package"));
  }
});

// Rule: REV 3, REV 5
test("revoking twice, and revoking what a rotation replaced, is a success and everything is dead", async () => {
  const first = await newFamily();
  const second = await tokens(await refresh(apps.spa, first.refresh_token));
  for (const token of [first.refresh_token, first.refresh_token, second.refresh_token, second.access_token])
    assert.equal((await revoke(apps.spa, token)).status, 200);
  for (const { access_token } of [first, second]) assert.deepEqual(await seen(access_token), { active: false });
  await expectRefusal(await refresh(apps.spa, second.refresh_token), "invalid_grant");
});

// Rule: REV 4, PEER 8
test("a public app cannot end another app's tokens by naming itself, or by naming the other without its secret", async () => {
  const family = await newFamily(apps.web);
  for (const token of [family.refresh_token, family.access_token]) {
    for (const thief of [apps.spa, apps.mobile, apps.rival])
      await expectRefusal(await revoke(thief, token), ["invalid_grant", "unauthorized_client"]);
    await expectRefusal(await revoke({ ...apps.web, method: "none" }, token), "invalid_client");
  }
  assert.equal((await seen(family.access_token)).active, true);
  await tokens(await refresh(apps.web, family.refresh_token));
});

// Rule: REV 8
test("what an introspecting caller may not know looks like what does not exist", async () => {
  const family = await newFamily(apps.web);
  const strangers = [apis.billing.credential, apps.rival];
  for (const caller of strangers)
    for (const token of [family.access_token, family.refresh_token, "x", "lkr_x", "a.b.c"])
      assert.deepEqual(await seen(token, caller), { active: false });
});

// Rule: REV 9, STEPUP 1
test("introspection tells who, what, for whom and until when, and when the user signed in", async () => {
  const { access_token } = await newFamily(apps.web);
  const { active, token_type, ...rest } = await seen(access_token);
  const claims = claimsOf(access_token);
  assert.deepEqual([active, token_type, rest.iss], [true, "Bearer", ISSUER]);
  for (const name of ["scope", "client_id", "sub", "aud", "iss", "exp", "iat", "jti", "auth_time"])
    assert.deepEqual(rest[name], claims[name], name);
});
