// PEER: what went wrong in other servers and is tried here.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "../support/browser.mjs";
import { expectRefusal } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, oauthClient } from "../support/oauth.mjs";
import { apis, apps, atItsSite, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, introspect, revoke, tokens, connect } = oauthClient(latchkey);
const newBrowser = async () => signedIn(latchkey, await newUser(latchkey));
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;


// Rule: PEER 1
test("of 20 redemptions of one code at once, one succeeds", async () => {
  const slow = [{ at: "KV.get", match: "code:", delayAfter: 50 }];
  const grant = await (await newBrowser()).connect(apps.spa);
  const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(grant, {}, { faults: slow })));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

// Rule: PEER 9
test("disconnecting an app on the page of connected apps kills every token, also those a refresh brought", async () => {
  const browser = await newBrowser();
  const first = await connect(browser, apps.partner, atItsSite);
  const second = await tokens(await refresh(apps.partner, first.refresh_token));
  const code = await browser.connect(apps.partner, atItsSite);
  await browser.disconnect();
  for (const one of [first, second]) assert.equal(await isActive(one), false);
  await expectRefusal(await refresh(apps.partner, second.refresh_token), "invalid_grant");
  await expectRefusal(await redeem(code), "invalid_grant");
});

// Rule: PEER 10
test("connecting, refreshing or signing off on one device leaves the app's other devices alone", async () => {
  const username = await newUser(latchkey);
  const [desk, phone] = [await signedIn(latchkey, username), await signedIn(latchkey, username)];
  const first = await connect(desk, apps.mobile);
  const second = await connect(phone, apps.mobile);
  assert.equal(await isActive(first), true);
  const again = await tokens(await refresh(apps.mobile, first.refresh_token));
  await revoke(apps.mobile, second.refresh_token);
  await tokens(await refresh(apps.mobile, again.refresh_token));
});

// Rule: PEER 14
test("a Content-Type that cannot be read crashes nothing", async () => {
  const types = ["", ";", "/", "a", "application/x-www-form-urlencoded;charset", 'a/b;c="', "\xff", "x".repeat(5000)];
  for (const path of ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/authorize", "/oauth/consent", "/login"])
    for (const type of types) {
      const answer = await latchkey.fetch(path, { method: "POST", headers: { "content-type": type }, body: "a=b" });
      assert.ok(answer.status >= 300 && answer.status < 500, `${path} ${JSON.stringify(type)} ${answer.status}`);
    }
});

// Rule: PEER 16
test("a client that is gone hears invalid_client, with good tokens in its hand too, so that it registers again", async () => {
  const family = await connect(await newBrowser(), apps.spa);
  const gone = { client_id: "app_gone", method: "none" };
  await expectRefusal(await refresh(gone, family.refresh_token), "invalid_client");
  const grant = await (await newBrowser()).connect(apps.spa);
  await expectRefusal(await redeem(grant, { as: gone }), "invalid_client");
  await expectRefusal(await revoke(gone, family.refresh_token), "invalid_client");
  await tokens(await redeem(grant));
});

// Rule: PEER 20
test("thirty refreshes of one token at once, and one more from a laptop that wakes up, all get the same successor", async () => {
  const family = await connect(await newBrowser(), apps.spa);
  const slow = [{ at: "LEDGER", delayAfter: 30 }];
  const all = await Promise.all(
    Array.from({ length: 30 }, async () => tokens(await refresh(apps.spa, family.refresh_token, {}, { faults: slow }))),
  );
  assert.equal(new Set(all.map(({ refresh_token }) => refresh_token)).size, 1);
  await latchkey.age(8 * 3600 * 1000);
  const late = await tokens(await refresh(apps.spa, family.refresh_token));
  assert.equal(late.refresh_token, all[0].refresh_token);
  await tokens(await refresh(apps.spa, late.refresh_token));
});

// Rule: PEER 21
test("every answer of the revocation endpoint is JSON", async () => {
  const family = await connect(await newBrowser(), apps.spa);
  const answers = [
    await revoke(apps.spa, family.refresh_token),
    await revoke(apps.spa, "unknown"),
    await revoke(apps.spa, undefined),
    await revoke({ client_id: "app_nobody", method: "none" }, "x"),
    await latchkey.fetch("/oauth/revoke"),
  ];
  for (const answer of answers) {
    assert.match(answer.headers.get("content-type"), /^application\/(problem\+)?json(;|$)/, String(answer.status));
    JSON.parse(await answer.text());
  }
});

// Rule: PEER 22
test("Basic with the same client_id in the body gets tokens", async () => {
  const grant = await (await newBrowser()).connect(apps.web);
  await tokens(await redeem(grant, { client_id: apps.web.client_id }));
});

// Rule: PEER 23
test("a request without scope leads to tokens, from a stranger's link on", async () => {
  const { url, ...grant } = authorizationRequest(apps.modest, { scope: undefined });
  const browser = new Browser(latchkey);
  const login = await browser.open(url);
  const page = await browser.submit(login.forms[0], { fields: { username: await newUser(latchkey) } });
  const { leaves } = await browser.allow(page);
  const { scope } = await tokens(await redeem({ ...grant, code: leaves.searchParams.get("code") }));
  assert.equal(scope, "read:profile");
});

// Rule: PEER 2
test("wrong guesses from everywhere at once do not burn the code", async () => {
  const grant = await (await newBrowser()).connect(apps.spa);
  const guesses = [
    { as: apps.mobile },
    { as: apps.rival },
    { redirect_uri: "https://evil.example/" },
    { code_verifier: "x".repeat(43) },
    { resource: apis.billing.resource },
    { resource: "https://unknown.example" },
  ];
  await Promise.all(guesses.map(async (guess) => assert.notEqual((await redeem(grant, guess)).status, 200)));
  const first = await tokens(await redeem(grant));
  assert.equal(await isActive(first), true);
});
