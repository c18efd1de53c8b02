import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { startLatchkey, trips } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, introspect, tokens, connect } = oauthClient(latchkey);

const newFamily = async (client = apps.spa, parameters) =>
  connect(await signedIn(latchkey, await newUser(latchkey)), client, parameters);
const next = async (client, { refresh_token }) => tokens(await refresh(client, refresh_token));
const refuse = async (client, { refresh_token }, error = "invalid_grant") =>
  expectRefusal(await refresh(client, refresh_token), error);
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const MINUTE = 60_000;

// Covers: R50, B26
test("a refresh brings a new access token and a new refresh token, without the user", async () => {
  for (const client of [apps.spa, apps.web, apps.post]) {
    const first = await newFamily(client);
    const second = await next(client, first);
    assert.notEqual(second.refresh_token, first.refresh_token);
    const [before, after] = [claimsOf(first.access_token), claimsOf(second.access_token)];
    assert.notEqual(after.jti, before.jti);
    for (const claim of ["iss", "sub", "aud", "client_id", "scope", "auth_time"])
      assert.deepEqual(after[claim], before[claim], claim);
    assert.ok(await isActive(second));
    await next(client, second);
  }
});

// Covers: R50, B26
// Rule: TOKEN 16, PEER 20
test("a lost reply costs nothing: the same token brings the same successor", async () => {
  const first = await newFamily();
  const lost = await next(apps.spa, first);
  const again = await next(apps.spa, first);
  assert.equal(again.refresh_token, lost.refresh_token);
  await next(apps.spa, again);
});

// Covers: B26
// Rule: TOKEN 16, PEER 20
test("ten tabs refreshing at once all get the same successor", async () => {
  const first = await newFamily();
  const all = await Promise.all(Array.from({ length: 10 }, () => next(apps.spa, first)));
  assert.equal(new Set(all.map(({ refresh_token }) => refresh_token)).size, 1);
  await next(apps.spa, all[0]);
});

test("a token two generations old is refused, but within its minute it ends nothing", async () => {
  const first = await newFamily();
  const third = await next(apps.spa, await next(apps.spa, first));
  await refuse(apps.spa, first);
  await next(apps.spa, third);
});

// Covers: R50
// Rule: TOKEN 15
test("a token two generations old that comes late ends the family", async () => {
  for (const client of [apps.spa, apps.web]) {
    const first = await newFamily(client);
    const third = await next(client, await next(client, first));
    await latchkey.age(2 * MINUTE);
    await refuse(client, first);
    await refuse(client, third);
    assert.equal(await isActive(third), false);
  }
});

// Rule: TOKEN 15, TOKEN 16, PEER 20
test("a predecessor that comes late is taken once from a public app, never twice running", async () => {
  const first = await newFamily();
  const second = await next(apps.spa, first);
  await latchkey.age(2 * MINUTE);
  assert.equal((await next(apps.spa, first)).refresh_token, second.refresh_token);
  const third = await next(apps.spa, second);
  await latchkey.age(2 * MINUTE);
  await refuse(apps.spa, second);
  await refuse(apps.spa, third);
});

test("a predecessor that comes late is always taken from an app that authenticates", async () => {
  let [older, newer] = [await newFamily(apps.web)];
  for (let round = 0; round < 3; round++) {
    newer = await next(apps.web, older);
    await latchkey.age(2 * MINUTE);
    assert.equal((await next(apps.web, older)).refresh_token, newer.refresh_token);
    older = newer;
  }
});

// Covers: R9, R11
// Rule: TOKEN 13, PEER 6
test("another app cannot use the token, and trying does it no harm", async () => {
  const first = await newFamily(apps.spa);
  for (const other of [apps.mobile, apps.web, apps.rival]) await refuse(other, first);
  await next(apps.spa, first);
});

// Rule: TOKEN 5, PEER 6
test("a confidential app must authenticate, or nothing rotates", async () => {
  const first = await newFamily(apps.web);
  await expectRefusal(await refresh({ ...apps.web, method: "none" }, first.refresh_token), "invalid_client");
  await expectRefusal(await refresh({ ...apps.web, secret: "lks_wrong" }, first.refresh_token), "invalid_client");
  await next(apps.web, first);
});

// Covers: R10, R50
// Rule: TOKEN 14
test("an app may ask for fewer scopes, and later for all of them again", async () => {
  const first = await newFamily(apps.spa, { scope: "read:profile read:projects read:team" });
  const fewer = await tokens(await refresh(apps.spa, first.refresh_token, { scope: "read:team" }));
  assert.equal(fewer.scope, "read:team");
  assert.equal(claimsOf(fewer.access_token).scope, "read:team");
  const all = await next(apps.spa, fewer);
  assert.equal(all.scope, "read:profile read:projects read:team");
});

// Covers: R36
// Rule: TOKEN 14
test("an app cannot ask for more than was agreed to, and the token survives the try", async () => {
  const first = await newFamily(apps.spa, { scope: "read:profile" });
  for (const scope of ["read:profile read:projects", "write:projects", "write:everything", 'a"b'])
    await expectRefusal(await refresh(apps.spa, first.refresh_token, { scope }), "invalid_scope");
  await next(apps.spa, first);
});

// Rule: RES 2, TOKEN 13, PEER 7
test("a resource outside the grant is refused, and the token survives the try", async () => {
  const first = await newFamily(apps.spa);
  for (const resource of [apis.billing.resource, "https://unknown.example"])
    await expectRefusal(await refresh(apps.spa, first.refresh_token, { resource }), "invalid_target");
  const same = await tokens(await refresh(apps.spa, first.refresh_token, { resource: apis.projects.resource }));
  assert.equal(claimsOf(same.access_token).aud, apis.projects.resource);
});

// Rule: TOKEN 18
test("made-up refresh tokens are refused without asking storage", async (t) => {
  const first = await newFamily();
  await next(apps.spa, await newFamily());
  const { refresh_token, access_token } = first;
  const at = refresh_token.length >> 1;
  const bent = refresh_token.slice(0, at) + (refresh_token[at] === "A" ? "B" : "A") + refresh_token.slice(at + 1);
  const cases = [
    "x",
    "lkr_",
    `lkr_${"A".repeat(80)}`,
    refresh_token.slice(0, -2),
    `${refresh_token}A`,
    bent,
    access_token,
  ];
  for (const guess of cases) {
    await t.test(guess.slice(0, 20), async () => {
      // Twice: the first reads the app's record again if that is due, and on a busy machine it may be.
      await refresh(apps.spa, guess);
      const answer = await refresh(apps.spa, guess);
      await expectRefusal(answer, "invalid_grant");
      assert.equal(trips(answer).depth, 0);
    });
  }
  await next(apps.spa, first);
});

test("refresh tokens are stored nowhere", async () => {
  const { refresh_token } = await next(apps.spa, await newFamily());
  const rows = JSON.stringify(await latchkey.ledgerRows());
  assert.ok(rows.includes("app_spa") && !rows.includes(refresh_token.slice(-20)));
});

// Covers: R9
// Rule: PEER 10
test("each connection has its own family: one that ends leaves the other alone", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const [one, two] = [await connect(browser, apps.spa), await connect(browser, apps.spa)];
  await next(apps.spa, await next(apps.spa, one));
  await latchkey.age(2 * MINUTE);
  await refuse(apps.spa, one);
  await next(apps.spa, two);
});
