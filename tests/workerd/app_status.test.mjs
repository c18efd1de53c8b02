// Invariant 6: an app's status, and what it may have, count everywhere, within ten seconds.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectErrorRedirect, expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, CALLBACK, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { token, redeem, refresh, introspect, tokens, connect } = oauthClient(latchkey);
const machine = { api: "api_projects", subject_type: "client", access: "all" };
const seen = async ({ access_token }) => (await introspect(apis.projects.credential, access_token)).json();
const refused = ["invalid_client", "invalid_grant", "unauthorized_client"];
const askForItself = (app) => token(app, { grant_type: "client_credentials" });

async function inUse() {
  const app = await newApp(latchkey, { grants: [machine] });
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const family = await connect(browser, app);
  const own = await tokens(await askForItself(app));
  return { app, browser, family, own, grant: await browser.connect(app) };
}

// Everything that shall happen ten seconds later is prepared first, so that the wait is paid once.
const suspended = await inUse();
const narrowed = await inUse();
const reinstated = await inUse();
await suspend(latchkey, suspended.app);
await suspend(latchkey, reinstated.app);
await latchkey.run("DELETE FROM app_scopes WHERE client_id = ? AND scope = 'read:projects'", narrowed.app.client_id);
await latchkey.run("UPDATE apps SET status = 'approved' WHERE client_id = ?", reinstated.app.client_id);
await sleep(10_000);

// Covers: R33, B1
test("a suspended app can start nothing, finish nothing and refresh nothing, and its tokens are dead", async () => {
  const { app, browser, family, own, grant } = suspended;
  await expectErrorPage(await browser.request(authorizationRequest(app).url));
  for (const answer of [await redeem(grant), await refresh(app, family.refresh_token), await askForItself(app)]) {
    const status = answer.status;
    await expectRefusal(answer, refused, status);
    assert.ok(status === 400 || status === 401);
  }
  for (const one of [family, own]) assert.deepEqual(await seen(one), { active: false });
});

test("an app that was reinstated works again, but nothing from before revives", async () => {
  const { app, browser, family, own, grant } = reinstated;
  await expectRefusal(await refresh(app, family.refresh_token), "invalid_grant");
  await expectRefusal(await redeem(grant), "invalid_grant");
  for (const one of [family, own]) assert.deepEqual(await seen(one), { active: false });
  const again = await connect(browser, app);
  assert.equal((await seen(again)).active, true);
  await tokens(await askForItself(app));
});

// Covers: R10, R36
test("a scope taken from an app is gone from refresh, introspection and new requests", async () => {
  const { app, browser, family } = narrowed;
  expectErrorRedirect(await browser.request(authorizationRequest(app, { state: "s" }).url), {
    redirect_uri: CALLBACK,
    error: "invalid_scope",
    state: "s",
  });
  assert.equal((await seen(family)).scope, "read:profile");
  assert.equal((await tokens(await refresh(app, family.refresh_token))).scope, "read:profile");
});
