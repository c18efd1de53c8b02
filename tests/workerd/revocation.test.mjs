import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNotStored, expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { form, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const newFamily = async (client = apps.spa) => connect(await signedIn(latchkey, await newUser(latchkey)), client);
const isActive = async (access_token) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;

async function expectRevoked(answer) {
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  expectNotStored(answer);
  assert.deepEqual(await answer.json(), {});
}

// Rule: REV 2, REV 5, PEER 21
test("revoking a refresh token ends the whole connection at once", async () => {
  for (const client of [apps.spa, apps.web, apps.post]) {
    const family = await newFamily(client);
    assert.equal(await isActive(family.access_token), true);
    await expectRevoked(await revoke(client, family.refresh_token));
    await expectRefusal(await refresh(client, family.refresh_token), "invalid_grant");
    assert.equal(await isActive(family.access_token), false);
  }
});

test("revoking a refresh token that was rotated ends the connection too", async () => {
  const first = await newFamily();
  const second = await tokens(await refresh(apps.spa, first.refresh_token));
  await expectRevoked(await revoke(apps.spa, first.refresh_token));
  await expectRefusal(await refresh(apps.spa, second.refresh_token), "invalid_grant");
});

// Rule: REV 2
test("revoking an access token makes it inactive at once", async () => {
  const { access_token } = await newFamily();
  await expectRevoked(await revoke(apps.spa, access_token));
  assert.equal(await isActive(access_token), false);
});

// Rule: REV 3
test("the hint may be wrong or unknown", async () => {
  for (const token_type_hint of ["access_token", "id_token", "nonsense"]) {
    const family = await newFamily();
    await expectRevoked(await revoke(apps.spa, family.refresh_token, { token_type_hint }));
    await expectRefusal(await refresh(apps.spa, family.refresh_token), "invalid_grant");
  }
});

// Rule: REV 3, PEER 21
test("what is no token, or no longer one, is as good as revoked", async () => {
  const { refresh_token } = await newFamily();
  await revoke(apps.spa, refresh_token);
  for (const token of [refresh_token, "x", "lkr_x", "lkc_x", "a.b.c", "e30.e30.", "ü", "x".repeat(5000)])
    await expectRevoked(await revoke(apps.spa, token));
});

// Covers: R11
// Rule: REV 4, PEER 8
test("an app cannot revoke another app's tokens", async () => {
  const family = await newFamily(apps.web);
  for (const other of [apps.spa, apps.rival, apps.mobile]) {
    for (const token of [family.refresh_token, family.access_token])
      await expectRefusal(await revoke(other, token), "invalid_grant");
  }
  assert.equal(await isActive(family.access_token), true);
  await tokens(await refresh(apps.web, family.refresh_token));
});

// Rule: REV 1
test("a confidential app that does not authenticate revokes nothing", async () => {
  const family = await newFamily(apps.web);
  await expectRefusal(await revoke({ ...apps.web, method: "none" }, family.refresh_token), "invalid_client");
  assert.equal(await isActive(family.access_token), true);
});

// Rule: PEER 10
test("one connection revoked leaves the user's others alone", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const [one, two] = [await connect(browser, apps.spa), await connect(browser, apps.web)];
  await expectRevoked(await revoke(apps.spa, one.refresh_token));
  assert.equal(await isActive(two.access_token), true);
  await tokens(await refresh(apps.web, two.refresh_token));
});

// Rule: REV 1, REV 6
test("a request without one token is refused", async () => {
  await expectRefusal(await revoke(apps.spa, undefined), "invalid_request");
  await expectRefusal(await revoke(apps.spa, ["lkr_x", "lkr_x"]), "invalid_request");
  const get = await latchkey.fetch(`/oauth/revoke?${form({ token: "x", client_id: apps.spa.client_id })}`);
  assert.equal(get.status, 405);
});

// Rule: REV 6, NATIVE 3
test("any site's script may revoke", async () => {
  const answer = await revoke(apps.spa, "lkr_x", {}, { headers: { origin: "https://app.example" } });
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
});

test("a refresh that overlaps an acknowledged revocation brings nothing that lives", async () => {
  for (const fault of [{ delayBefore: 60 }, { delayAfter: 60 }]) {
    const family = await newFamily();
    const [late, revoked] = await Promise.all([
      refresh(apps.spa, family.refresh_token, {}, { faults: [{ at: "LEDGER", ...fault }] }),
      revoke(apps.spa, family.refresh_token),
    ]);
    await expectRevoked(revoked);
    if (late.status === 200) {
      const got = await tokens(late);
      await expectRefusal(await refresh(apps.spa, got.refresh_token), "invalid_grant");
      assert.equal(await isActive(got.access_token), false);
    } else {
      await expectRefusal(late, "invalid_grant");
    }
  }
});
