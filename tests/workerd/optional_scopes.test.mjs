// What an app can do without, the user may leave out.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectErrorPage } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
await latchkey.run("UPDATE scopes SET sensitive = 1 WHERE name = 'write:projects'");
const { redeem, introspect, tokens } = oauthClient(latchkey);
const SITE = "https://partner.example/callback";
const all = "read:profile read:projects write:projects read:invoices";

const app = await newApp(latchkey, {
  redirect_uris: [SITE],
  scopes: all.split(" "),
  may_be_left_out: ["read:projects", "write:projects", "read:invoices"],
  grants: [{ api: "api_billing", subject_type: "user", access: "all" }],
});

async function asked(parameters = {}) {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const flow = authorizationRequest(app, { redirect_uri: SITE, scope: all, ...parameters });
  return { browser, flow, page: await browser.authorize(flow.url), user: `usr_${username}` };
}

const boxes = (page) =>
  Object.fromEntries(page.forms[0].fields.filter(({ type }) => type === "checkbox").map(({ value, checked }) => [value, checked]));
const consentOf = async (user) => (await latchkey.rows("SELECT * FROM consents WHERE user_id = ?", user))[0];
const granted = async (user) => {
  const { id } = await consentOf(user);
  return (await latchkey.rows("SELECT scope FROM consent_scopes WHERE consent_id = ? ORDER BY scope", id)).map(({ scope }) => scope);
};
const finish = async ({ flow }, { leaves }) => tokens(await redeem({ ...flow, code: leaves.searchParams.get("code") }));

// Covers: B21
test("optional permissions have boxes, ticked unless they are sensitive; locked ones have none", async () => {
  const { page } = await asked();
  assert.deepEqual(boxes(page), { "read:projects": true, "write:projects": false, "read:invoices": true });
  assert.match(page.text, /View your basic profile information/);
});

// Covers: B21
test("code, consent and token hold what was chosen, and no API that nothing was chosen of", async () => {
  const request = await asked();
  const family = await finish(request, await request.browser.allow(request.page, { tick: ["read:projects"] }));
  assert.equal(family.scope, "read:profile read:projects");
  const seen = await (await introspect(apis.projects.credential, family.access_token)).json();
  assert.deepEqual([seen.active, seen.aud], [true, apis.projects.resource]);
  assert.equal((await (await introspect(apis.billing.credential, family.access_token)).json()).active, false);
  assert.deepEqual(await granted(request.user), ["read:profile", "read:projects"]);
  assert.deepEqual(JSON.parse((await consentOf(request.user)).declined).sort(), ["read:invoices", "write:projects"]);
});

// Rule: ATTACK 4, AUTHZ 35
test("nothing is added by sending it, and nothing that is locked is dropped by leaving it out", async () => {
  const { browser, flow, page, user } = await asked({ scope: "read:profile read:projects" });
  const init = browser.fill(page.forms[0], { button: "allow", tick: [] });
  for (const scope of ["write:projects", "read:invoices", "admin", "read:profile read:team", "read:projects"])
    init.body.append("scope", scope);
  const family = await finish({ flow }, await browser.open(page.forms[0].action, init));
  assert.equal(family.scope, "read:profile read:projects");
  assert.deepEqual(await granted(user), ["read:profile", "read:projects"]);
});

test("what was left out stays out without a page, and comes with a tick on the next one", async () => {
  const { browser, page, user } = await asked();
  await browser.allow(page, { tick: [] });
  const again = authorizationRequest(app, { redirect_uri: SITE, scope: all });
  const { leaves } = await browser.authorize(again.url);
  assert.equal((await finish({ flow: again }, { leaves })).scope, "read:profile");
  const more = authorizationRequest(app, { redirect_uri: SITE, scope: all, prompt: "consent" });
  const shown = await browser.authorize(more.url);
  assert.deepEqual(boxes(shown), { "read:projects": false, "write:projects": false, "read:invoices": false });
  const family = await finish({ flow: more }, await browser.allow(shown, { tick: ["read:invoices"] }));
  assert.equal(family.scope, "read:invoices read:profile");
  assert.deepEqual(await granted(user), ["read:invoices", "read:profile"]);
  assert.deepEqual(JSON.parse((await consentOf(user)).declined).sort(), ["read:projects", "write:projects"]);
});

test("with everything left out the page comes back and nothing is decided", async () => {
  const { browser, flow, page, user } = await asked({ scope: "read:projects read:invoices" });
  const before = await latchkey.count("decisions");
  const again = await browser.allow(page, { tick: [] });
  await expectErrorPage(again.answer, 400);
  assert.deepEqual(boxes(again), { "read:projects": false, "read:invoices": false });
  assert.equal(await latchkey.count("decisions"), before);
  assert.equal(await consentOf(user), undefined);
  const family = await finish({ flow }, await browser.allow(again, { tick: ["read:invoices"] }));
  assert.equal(family.scope, "read:invoices");
});

test("a decision that has to be tried again keeps what was chosen", async () => {
  const { browser, flow, page } = await asked();
  const down = await browser.allow(page, { tick: ["read:invoices"], faults: [{ at: "DB", fail: "after" }] });
  assert.equal(down.status, 503);
  const { leaves } = await browser.submit(down.forms[0]);
  assert.equal((await finish({ flow }, { leaves })).scope, "read:invoices read:profile");
  assert.equal(down.forms[0].action.origin, ISSUER);
});
