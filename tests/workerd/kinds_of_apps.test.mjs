// The six kinds of third-party apps of the documents, each with what is its own about the way.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectErrorRedirect, expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "./support/oauth.mjs";
import { addTester, apis, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, introspect, redeem, refresh, revoke, token, tokens } = oauthClient(latchkey);

const person = async () => signedIn(latchkey, await newUser(latchkey));
const state = async ({ access_token }) => (await introspect(apis.projects.credential, access_token)).json();
const isActive = async (family) => (await state(family)).active;
const callback = "https://partner.example/callback";

// Covers: R2
test("a partner's CRM, a web application with a secret, is connected and called for its user", async () => {
  const crm = await newApp(latchkey, { app_type: "web", redirect_uris: [callback] });
  const family = await connect(await person(), crm, { redirect_uri: callback, scope: "read:projects write:projects" });
  assert.deepEqual([await isActive(family), family.scope], [true, "read:projects write:projects"]);
  const stolen = await refresh({ ...crm, secret: "lks_guessed" }, family.refresh_token);
  await expectRefusal(stolen, "invalid_client");
  assert.equal(await isActive(family), true, "a wrong secret ends nothing");
});

// Covers: R2
test("a mobile app has no secret: its code is worth nothing without the verifier that stays on the phone", async () => {
  const claimed = "https://app.partner.example/connected";
  const app = await newApp(latchkey, { app_type: "mobile", redirect_uris: [claimed] });
  const granted = await (await person()).connect(app, { redirect_uri: claimed });
  await expectRefusal(await redeem(granted, { code_verifier: "a".repeat(43) }), "invalid_grant");
  const family = await tokens(await redeem(granted));
  assert.equal(await isActive(await tokens(await refresh(app, family.refresh_token))), true);
});

// Covers: R2
test("a customer's own app, in use by its people before any review, is nobody else's", async () => {
  const app = await newApp(latchkey, { status: "pending_review" });
  const username = await newUser(latchkey);
  await addTester(latchkey, app, username);
  assert.equal(await isActive(await connect(await signedIn(latchkey, username), app)), true);
  const page = await (await person()).authorize(authorizationRequest(app).url);
  assert.deepEqual([page.status, page.forms.length], [403, 0]);
});

// Covers: R2
test("an extension of the marketplace runs in many people's browsers, with one connection each", async () => {
  const extension = await newApp(latchkey, { app_type: "spa" });
  const people = await Promise.all(Array.from({ length: 5 }, person));
  const [first, ...others] = await Promise.all(people.map((browser) => connect(browser, extension)));
  const subjects = new Set([first, ...others].map(({ access_token }) => claimsOf(access_token).sub));
  assert.equal(subjects.size, people.length);
  await revoke(extension, first.refresh_token);
  const active = await Promise.all([first, ...others].map(isActive));
  assert.deepEqual(active, [false, true, true, true, true]);
});

// Covers: R2
test("an integration platform renews its connections again and again without their people, and loses only the one that is taken back", async () => {
  const zaps = await newApp(latchkey, { app_type: "web", redirect_uris: [callback] });
  const browsers = [await person(), await person()];
  const families = await Promise.all(browsers.map((browser) => connect(browser, zaps, { redirect_uri: callback })));
  for (let hour = 0; hour < 12; hour++) {
    for (const family of families) Object.assign(family, await tokens(await refresh(zaps, family.refresh_token)));
  }
  await browsers[0].disconnect();
  await expectRefusal(await refresh(zaps, families[0].refresh_token), "invalid_grant");
  assert.equal(await isActive(await tokens(await refresh(zaps, families[1].refresh_token))), true);
});

// Covers: R2
test("a reporting tool reads: by itself what it was granted, for a user what they agree to, and it writes nothing", async () => {
  const grants = [{ api: "api_projects", subject_type: "client", access: "chosen", scopes: ["read:analytics"] }];
  const reports = await newApp(latchkey, { app_type: "server", scopes: ["read:analytics", "read:projects"], grants });
  const own = await tokens(await token(reports, { grant_type: "client_credentials", scope: "read:analytics" }));
  const { active, sub, scope } = await state(own);
  assert.deepEqual([active, sub, scope], [true, reports.client_id, "read:analytics"]);
  for (const beyond of ["read:projects", "write:projects"]) {
    const refused = await token(reports, { grant_type: "client_credentials", scope: beyond });
    await expectRefusal(refused, "invalid_scope");
  }
  const browser = await person();
  assert.equal((await connect(browser, reports, { scope: "read:projects" })).scope, "read:projects");
  const asked = authorizationRequest(reports, { scope: "write:projects", state: "kept" });
  expectErrorRedirect(await browser.request(asked.url), { redirect_uri: asked.redirect_uri, error: "invalid_scope", state: "kept" });
});
