// Who agreed before is not asked again: by whom, to what, and for how long.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectErrorRedirect } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, form, oauthClient } from "./support/oauth.mjs";
import { apis, apps, CALLBACK, newApp, newUser, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, introspect, tokens } = oauthClient(latchkey);
const SITE = "https://partner.example/callback";
const { partner } = apps;
const ask = (parameters = {}, app = partner) => authorizationRequest(app, { redirect_uri: SITE, ...parameters });
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const codeIn = (answer) => new URL(answer.headers.get("location") ?? "about:blank", ISSUER).searchParams.get("code");
const codes = () => latchkey.count("authorization_codes");

async function connected(parameters = {}, app = partner) {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  await browser.connect(app, { redirect_uri: SITE, ...parameters });
  return { browser, username, user: `usr_${username}` };
}

const consentOf = async (user) => (await latchkey.rows("SELECT * FROM consents WHERE user_id = ?", user))[0];
const revoke = (browser, { id }, options) =>
  browser.request(`/api/user/connected-apps/${id}`, { method: "DELETE", headers: { origin: ISSUER }, ...options });

// Covers: R45, R41
// Rule: UI 5, UI 16
test("what was agreed to before is answered without a page, in two trips, with a code of its own", async () => {
  const { browser, user } = await connected();
  const first = ask();
  const answer = await browser.request(first.url);
  assert.equal(answer.status, 303);
  const { depth, ...made } = trips(answer);
  assert.deepEqual(made, { "DB.batch": 2, "KV.put": 1 });
  assert.equal(depth, 2);
  const { code, state, iss } = Object.fromEntries(new URL(answer.headers.get("location")).searchParams);
  assert.deepEqual([state, iss], [new URL(first.url).searchParams.get("state"), ISSUER]);
  assert.equal(await isActive(await tokens(await redeem({ ...first, code }))), true);
  const narrower = ask({ scope: "read:profile" });
  const second = codeIn(await browser.request(narrower.url));
  assert.ok(second && second !== code);
  assert.equal((await tokens(await redeem({ ...narrower, code: second }))).scope, "read:profile");
  assert.equal(await latchkey.count("consents", "user_id = ?", user), 1);
});

// Covers: R45
// Rule: UI 5
test("programs on the user's own device and apps nobody has reviewed are asked about every time", async (t) => {
  const schemes = { "a loopback address": CALLBACK, "a scheme of its own": "com.example.app:/callback" };
  for (const [name, redirect_uri] of Object.entries(schemes)) {
    await t.test(name, async () => {
      const app = await newApp(latchkey, { app_type: "mobile", redirect_uris: [redirect_uri] });
      const { browser } = await connected({ redirect_uri }, app);
      const again = await browser.authorize(ask({ redirect_uri }, app).url);
      assert.deepEqual([again.status, again.forms?.length], [200, 1]);
      const none = await browser.request(ask({ redirect_uri, prompt: "none" }, app).url);
      assert.match(none.headers.get("location"), /error=interaction_required/);
    });
  }
  for (const status of ["draft", "pending_review"]) {
    await t.test(`an unverified app, ${status}`, async () => {
      const app = await newApp(latchkey, { class: "registered", status, redirect_uris: [SITE] });
      const { browser } = await connected({}, app);
      assert.equal((await browser.authorize(ask({}, app).url)).status, 200);
    });
  }
});

// Rule: UI 5
test("an install of an app does not speak for its site", async () => {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  await browser.connect(partner);
  assert.equal((await browser.authorize(ask().url)).status, 200);
});

// Covers: R34
test("prompt and max_age bring the page or the sign-in back, or the error they stand for", async () => {
  const { browser } = await connected();
  const lands = async (parameters) => (await browser.request(ask(parameters).url)).headers.get("location");
  assert.match(await lands({ prompt: "consent" }), /^\/oauth\/consent\?/);
  assert.match(await lands({ prompt: "login" }), /^\/login\?/);
  assert.match(await lands({ prompt: "select_account" }), /^\/login\?.*&choose=account$/);
  assert.match(await lands({ prompt: "login consent" }), /^\/login\?/);
  assert.match(await lands({ prompt: "none" }), /code=lkc_/);
  assert.match(await lands({ max_age: "3600" }), /code=lkc_/);
  const refusals = [
    [browser, { prompt: "none", scope: "read:profile read:projects read:team" }, "consent_required"],
    [new Browser(latchkey), { prompt: "none" }, "login_required"],
  ];
  for (const [who, parameters, error] of refusals) {
    const { url } = ask({ ...parameters, state: "s" });
    expectErrorRedirect(await who.request(url), { redirect_uri: SITE, error, state: "s" });
  }
  await latchkey.run("UPDATE sessions SET auth_time = auth_time - 100000");
  assert.match(await lands({ max_age: "60" }), /^\/login\?/);
  const none = await browser.request(ask({ prompt: "none", max_age: "60", state: "s" }).url);
  expectErrorRedirect(none, { redirect_uri: SITE, error: "login_required", state: "s" });
});

test("more than was agreed to brings the page back, and what is in it counts from then on", async () => {
  const { browser } = await connected({ scope: "read:profile" });
  const wide = { scope: "read:profile read:projects" };
  const page = await browser.authorize(ask(wide).url);
  assert.equal(page.status, 200);
  await browser.allow(page);
  assert.ok(codeIn(await browser.request(ask(wide).url)));
});

// Covers: R44
// Rule: PAR 3
test("a pushed request that is opened twice gets one code", async () => {
  const { browser } = await connected();
  const { url } = ask();
  const headers = { authorization: `Basic ${btoa(`${partner.client_id}:${partner.secret}`)}` };
  const pushed = await latchkey.fetch("/oauth/par", { method: "POST", headers, body: form(Object.fromEntries(new URL(url).searchParams)) });
  const { request_uri } = await pushed.json();
  const link = `/oauth/authorize?${form({ client_id: partner.client_id, request_uri })}`;
  const before = await codes();
  const answers = await Promise.all([1, 2, 3].map(() => browser.request(link)));
  const found = new Set(answers.map(codeIn));
  assert.equal(found.size, 1);
  assert.match([...found][0], /^lkc_/);
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 60000");
  await expectErrorPage(await browser.request(link), 409);
  assert.equal(await codes(), before + 1);
});

// Covers: R33, R45
test("nothing is remembered once app, user, session or connection say otherwise", async (t) => {
  await t.test("the app is suspended", async () => {
    const app = await newApp(latchkey, { redirect_uris: [SITE] });
    const { browser } = await connected({}, app);
    await suspend(latchkey, app);
    await expectErrorPage(await browser.request(ask({}, app).url));
  });
  await t.test("the redirect URI is gone", async () => {
    const app = await newApp(latchkey, { redirect_uris: [SITE] });
    const { browser } = await connected({}, app);
    await latchkey.run("DELETE FROM app_redirect_uris WHERE client_id = ?", app.client_id);
    await expectErrorPage(await browser.request(ask({}, app).url));
  });
  await t.test("the user is suspended", async () => {
    const { browser, user } = await connected();
    await latchkey.run("UPDATE users SET status = 'suspended' WHERE id = ?", user);
    assert.match((await browser.request(ask().url)).headers.get("location"), /^\/login\?/);
  });
  await t.test("the session came by a connection of somebody's own", async () => {
    const { browser, user } = await connected();
    const id = `con_${user}`;
    await latchkey.run(
      `INSERT INTO connections (id, kind, name, domain_level, issuer, client_id, created_at)
       VALUES (?, 'oidc', 'Own', 0, 'https://own.example', 'x', 0)`,
      id,
    );
    await latchkey.run("UPDATE sessions SET connection_id = ? WHERE user_id = ?", id, user);
    assert.match((await browser.request(ask().url)).headers.get("location"), /^\/login\?/);
    const none = await browser.request(ask({ prompt: "none", state: "s" }).url);
    expectErrorRedirect(none, { redirect_uri: SITE, error: "login_required", state: "s" });
  });
  for (const status of ["revoking", "revoked"]) {
    await t.test(`the consent is ${status}`, async () => {
      const { browser, user } = await connected();
      await latchkey.run("UPDATE consents SET status = ? WHERE user_id = ?", status, user);
      assert.equal((await browser.authorize(ask().url)).status, 200);
    });
  }
});

test("storage that fails is told to the app, and what was written is nobody's", async (t) => {
  const cases = {
    "the writing fails": [{ at: "DB.batch", match: "INSERT INTO decisions", fail: "before" }],
    "every reply of it is lost": [{ at: "DB.batch", match: "INSERT INTO decisions", fail: "after" }],
  };
  for (const [name, faults] of Object.entries(cases)) {
    await t.test(name, async () => {
      const { browser } = await connected();
      const answer = await browser.request(ask({ state: "s" }).url, { faults });
      expectErrorRedirect(answer, { redirect_uri: SITE, error: "temporarily_unavailable", state: "s" });
      assert.ok(codeIn(await browser.request(ask().url)));
    });
  }
  await t.test("one reply is lost", async () => {
    const { browser } = await connected();
    const before = await codes();
    const asked = ask();
    const faults = [{ at: "DB.batch", match: "INSERT INTO decisions", fail: "after", times: 1 }];
    const code = codeIn(await browser.request(asked.url, { faults }));
    assert.equal(await codes(), before + 1);
    await tokens(await redeem({ ...asked, code }));
  });
  await t.test("KV is down", async () => {
    const { browser } = await connected();
    const asked = ask();
    const code = codeIn(await browser.request(asked.url, { faults: [{ at: "KV.put", fail: "before" }] }));
    await tokens(await redeem({ ...asked, code }));
  });
});

// Invariant 3. The answer is on its way while the user takes the consent back: a code may come of it, a token may not.
// Covers: R70
test("no token lives that a remembered answer brought about while its consent was being revoked", async () => {
  for (let round = 0; round < 12; round++) {
    const { browser, user } = await connected();
    const consent = await consentOf(user);
    const asked = ask();
    const late = [{ at: "DB.batch", match: "INSERT INTO decisions", [round % 2 ? "delayBefore" : "delayAfter"]: round * 3 }];
    const [answer, revoked] = await Promise.all([
      browser.request(asked.url, { faults: late }),
      revoke(browser, consent, { faults: [{ at: "LEDGER", delayBefore: (round * 7) % 20 }] }),
    ]);
    assert.equal(revoked.status, 200);
    const code = codeIn(answer);
    if (!code) {
      assert.match(answer.headers.get("location"), /^\/oauth\/consent\?/, "asked again");
      continue;
    }
    const answered = await redeem({ ...asked, code });
    assert.equal(answered.status, 400, await answered.text());
    assert.equal((await browser.authorize(ask().url)).status, 200, "asked from then on");
  }
});

test("a token from before the revocation neither refreshes nor is active after it, whatever was remembered", async () => {
  const { browser, user } = await connected();
  const asked = ask();
  const family = await tokens(await redeem({ ...asked, code: codeIn(await browser.request(asked.url)) }));
  await revoke(browser, await consentOf(user));
  assert.equal(await isActive(family), false);
  assert.equal((await refresh(partner, family.refresh_token)).status, 400);
});
