import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectNotStored, expectPageHeaders } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, awkwardStates } from "./support/oauth.mjs";
import { apps, CALLBACK, developers, newApp, newUser, PLATFORM_NAME, scopes, suspend } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const allowed = (scope) => scopes.find(({ name }) => name === scope).description;

async function consentPage(client = apps.spa, parameters = {}) {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const page = await browser.authorize(authorizationRequest(client, parameters).url);
  assert.equal(page.status, 200, page.source);
  return { browser, page, username, form: page.forms[0], user: `usr_${username}` };
}

const decisions = () => latchkey.count("decisions");
const codes = () => latchkey.count("authorization_codes");
const consentsOf = (user) => latchkey.rows("SELECT * FROM consents WHERE user_id = ?", user);
const codeIn = (leaves) => leaves?.searchParams.get("code") ?? null;

// Covers: R42, R45
// Rule: UI 4, FAPI 24
test("the consent page says who asks, for what, and what the user may do about it", async () => {
  const { page, form, username } = await consentPage(apps.spa, { scope: "read:profile read:team read:profile" });
  const said = [
    `Authorize ${apps.spa.name}`,
    `by ${developers.northwind}`,
    `${apps.spa.name} wants to access your ${PLATFORM_NAME} account`,
    "This application will be able to:",
    "You can revoke this access at any time in your account settings.",
    username,
  ];
  for (const sentence of said) assert.ok(page.text.includes(sentence), `${sentence} in: ${page.text}`);
  const wishes = page.lists.flat();
  assert.equal(wishes.length, 2, "each scope once, and no empty one");
  for (const scope of ["read:profile", "read:team"])
    assert.ok(
      wishes.some((wish) => wish.includes(allowed(scope))),
      `${scope} in ${wishes}`,
    );
  assert.equal(page.forms.length, 1);
  assert.deepEqual([form.method, form.action.href], ["post", `${ISSUER}/oauth/consent`]);
  const buttons = form.buttons.map(({ name, value, text }) => `${name}=${value} ${text}`);
  assert.deepEqual(buttons.sort(), ["decision=allow Allow Access", "decision=deny Deny"]);
  assert.ok(form.fields.every(({ type }) => type === "hidden"));
});

// Rule: UI 4
test("the consent page names the host that the user will be sent to", async () => {
  const { page } = await consentPage(apps.partner, { redirect_uri: "https://partner.example/callback" });
  assert.match(page.text, /partner\.example/);
});

// Covers: B11
// Rule: PEER 23
test("without a scope the app's default permissions are asked for, and superfluous spaces are none", async () => {
  const byDefault = await consentPage(apps.modest, { scope: undefined });
  assert.equal(byDefault.page.lists.flat().length, 1);
  assert.ok(byDefault.page.text.includes(allowed("read:profile")));
  const spaced = await consentPage(apps.spa, { scope: " read:profile  read:team " });
  assert.equal(spaced.page.lists.flat().length, 2);
});

// Rule: UI 8
test("an app cannot put markup or script into the page by its name", async () => {
  const { page } = await consentPage(apps.hostile);
  assert.equal(page.scripts, 0);
  assert.ok(page.text.includes(`Authorize ${apps.hostile.name}`));
});

// Covers: B15
// Rule: UI 1, UI 16
test("the page cannot be framed, stored, or told of, and runs no script", async () => {
  const { page } = await consentPage();
  expectPageHeaders(page.answer);
  expectNotStored(page.answer);
  assert.equal(page.scripts, 0);
});

// Chromium applies form-action to the app's own redirects as well.
// Rule: UI 13
test("the page does not hold back what the app does after its callback", async () => {
  const { page } = await consentPage(apps.partner, { redirect_uri: "https://partner.example/callback" });
  assert.doesNotMatch(page.answer.headers.get("content-security-policy"), /form-action/);
});

// Covers: R41, B17, B18
// Rule: AUTHZ 17, AUTHZ 26, AUTHZ 27, AUTHZ 28, UI 16
test("Allow sends code, state and issuer straight to the app", async () => {
  const { browser, form } = await consentPage(apps.spa, { state: "kept" });
  const answer = await browser.request(form.action, browser.fill(form, { button: "allow" }));
  assert.equal(answer.status, 303);
  expectNotStored(answer);
  const { origin, pathname, searchParams } = new URL(answer.headers.get("location"));
  assert.equal(origin + pathname, CALLBACK);
  assert.deepEqual([...searchParams.keys()].sort(), ["code", "iss", "state"]);
  assert.match(searchParams.get("code"), /^lkc_[A-Za-z0-9._~-]{22,}$/);
  assert.deepEqual([searchParams.get("state"), searchParams.get("iss")], ["kept", ISSUER]);
});

// Covers: R41, B17, B18
// Rule: AUTHZ 36
test("Deny sends access_denied to the app, and leaves no consent", async () => {
  const { browser, page, user } = await consentPage(apps.spa, { state: "kept" });
  const { leaves, status } = await browser.deny(page);
  assert.equal(status, 303);
  assert.equal(leaves.origin + leaves.pathname, CALLBACK);
  const { error, state, iss, code } = Object.fromEntries(leaves.searchParams);
  assert.deepEqual([error, state, iss, code], ["access_denied", "kept", ISSUER, undefined]);
  assert.deepEqual(await consentsOf(user), []);
});

// Covers: R41, B18, B23
// Rule: AUTHZ 26
test("the state survives sign-in and consent exactly as it was sent", async (t) => {
  for (const state of [...awkwardStates, undefined]) {
    await t.test(String(state).slice(0, 30), async () => {
      const browser = new Browser(latchkey);
      const login = await browser.open(authorizationRequest(apps.spa, { state }).url);
      const page = await browser.submit(login.forms[0], { fields: { username: "alice" } });
      const { leaves } = await browser.allow(page);
      assert.deepEqual(leaves.searchParams.getAll("state"), state === undefined ? [] : [state]);
    });
  }
});

// Covers: R47, B19
test("Allow stores the consent with its scopes; allowing more later adds to the same consent", async () => {
  const redirect_uri = "https://partner.example/callback";
  const { browser, page, user } = await consentPage(apps.partner, { redirect_uri, scope: "read:profile" });
  await browser.allow(page);
  await browser.connect(apps.partner, { redirect_uri, scope: "read:team" });
  const consents = await consentsOf(user);
  assert.deepEqual(
    consents.map(({ client_id, status }) => [client_id, status]),
    [[apps.partner.client_id, "active"]],
  );
  const granted = await latchkey.rows("SELECT scope FROM consent_scopes WHERE consent_id = ?", consents[0].id);
  assert.deepEqual(granted.map(({ scope }) => scope).sort(), ["read:profile", "read:team"]);
});

// Covers: R45
// Rule: UI 5
test("an app on the user's own device is asked about every time", async () => {
  const { browser, page } = await consentPage(apps.spa);
  await browser.allow(page);
  const again = await browser.authorize(authorizationRequest(apps.spa).url);
  assert.equal(again.status, 200);
  assert.equal(again.forms.length, 1);
});

// Covers: R44, B20
// Rule: ATTACK 4
test("a double click gets the same redirect and one code", async () => {
  const { browser, page } = await consentPage();
  const [before, codesBefore] = [await decisions(), await codes()];
  const first = await browser.allow(page);
  const second = await browser.allow(page);
  assert.ok(codeIn(first.leaves));
  assert.equal(second.leaves.href, first.leaves.href);
  assert.deepEqual([await decisions(), await codes()], [before + 1, codesBefore + 1]);
});

// Covers: R44, B20
test("two clicks at once get the same redirect and one code", async () => {
  for (let round = 0; round < 5; round++) {
    const { browser, page } = await consentPage();
    const before = await codes();
    const slow = [{ at: "DB.batch", delayBefore: 20 }];
    const answers = await Promise.all(["allow", "allow", "allow"].map(() => browser.allow(page, { faults: slow })));
    const addresses = new Set(answers.map(({ leaves }) => leaves?.href));
    assert.equal(addresses.size, 1, [...addresses].join("\n"));
    assert.ok(codeIn(answers[0].leaves));
    assert.equal(await codes(), before + 1);
  }
});

// Covers: R44, B20
// Rule: ATTACK 4
test("the first decision counts: Deny after Allow, and Allow after Deny, change nothing", async () => {
  const kept = await consentPage();
  const allowedFirst = await kept.browser.allow(kept.page);
  assert.equal((await kept.browser.deny(kept.page)).leaves.href, allowedFirst.leaves.href);

  const refused = await consentPage();
  await refused.browser.deny(refused.page);
  assert.equal(codeIn((await refused.browser.allow(refused.page)).leaves), null);
  assert.deepEqual(await consentsOf(refused.user), []);
});

// Covers: R44
test("the consent page of a decided request asks nothing any more", async () => {
  const { browser, page } = await consentPage();
  await browser.allow(page);
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 60000");
  const before = await codes();
  const late = await browser.allow(page);
  assert.equal(codeIn(late.leaves), null);
  assert.equal(await codes(), before);
});

// Covers: R43, R44
// Rule: ATTACK 4
test("deciding once more does not prolong the life of the code", async () => {
  const { browser, page } = await consentPage();
  await browser.allow(page);
  const [{ code_hash }] = await latchkey.rows("SELECT code_hash FROM authorization_codes ORDER BY expires_at DESC");
  const stored = async () => [
    await latchkey.kv.get(`code:${code_hash}`),
    await latchkey.rows("SELECT * FROM authorization_codes WHERE code_hash = ?", code_hash),
  ];
  const before = await stored();
  assert.ok(before[0] && before[1].length === 1);
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 60000");
  await browser.allow(page);
  assert.deepEqual(await stored(), before);
});

const refusedDecision = async (answer) => {
  assert.ok([400, 403].includes(answer.status), String(answer.status));
  assert.equal(answer.headers.get("location"), null);
  expectPageHeaders(answer);
};

// Covers: B15
// Rule: UI 2, AUTHZ 35
test("a decision without our own page behind it is refused", async (t) => {
  const attempt = (name, change) =>
    t.test(name, async () => {
      const { browser, page, form } = await consentPage();
      const before = await decisions();
      const init = browser.fill(form, { button: "allow" });
      await change(init, page);
      await refusedDecision(await browser.request(form.action, init));
      assert.equal(await decisions(), before);
    });
  await attempt("no request", (init) => init.body.delete("request"));
  await attempt("a made-up request", (init) => init.body.set("request", "x".repeat(300)));
  await attempt("a request with one letter changed", (init) => {
    const sealed = init.body.get("request");
    const middle = sealed.length >> 1;
    init.body.set("request", sealed.slice(0, middle) + (sealed[middle] === "A" ? "B" : "A") + sealed.slice(middle + 1));
  });
  await attempt("the request_id instead of the page's own seal", (init, page) => {
    init.body.set("request", page.url.searchParams.get("request_id"));
  });
  await attempt("no decision", (init) => init.body.delete("decision"));
  await attempt("neither allow nor deny", (init) => init.body.set("decision", "yes"));
  await attempt("both", (init) => init.body.append("decision", "deny"));
  await attempt("two requests", (init) => init.body.append("request", init.body.get("request")));
  await attempt("another site's origin", (init) => (init.headers.origin = "https://evil.example"));
  await attempt("another port's origin", (init) => (init.headers.origin = "http://localhost:8789"));
  await attempt("an opaque origin", (init) => (init.headers.origin = "null"));
});

// Covers: B15
// Rule: UI 2, UI 3, ATTACK 3
test("nobody can decide on another user's page", async () => {
  const victim = await consentPage();
  const other = await consentPage();
  const before = await decisions();
  const init = other.browser.fill(other.form, { button: "allow" });
  init.body.set("request", victim.form.value("request"));
  await refusedDecision(await other.browser.request(other.form.action, init));
  assert.equal(await decisions(), before);
});

// Covers: B15
// Rule: UI 3, ATTACK 3
test("a page from an earlier session is worth nothing after signing in anew", async () => {
  const { browser, page, username } = await consentPage();
  await browser.signIn(username);
  const { leaves } = await browser.allow(page);
  assert.equal(codeIn(leaves), null);
});

// Covers: B15
// Rule: UI 3, ATTACK 3
test("a request started in one browser cannot be opened in another", async () => {
  const { browser } = await consentPage();
  const { url } = await browser.open(authorizationRequest(apps.spa).url);
  assert.equal(url.pathname, "/oauth/consent");
  const stranger = await signedIn(latchkey, await newUser(latchkey));
  await expectErrorPage(await stranger.request(url));

  const anonymous = await latchkey.fetch(authorizationRequest(apps.spa).url);
  const to = new URL(anonymous.headers.get("location"), ISSUER).searchParams.get("continue");
  await expectErrorPage(await stranger.request(to));
});

// Covers: B16
// Rule: AUTHZ 35
test("a request that cannot be read is refused with a page", async () => {
  const browser = await signedIn(latchkey);
  for (const query of [
    "",
    "?request_id=",
    "?request_id=x",
    `?request_id=${"A".repeat(9000)}`,
    "?request_id=a&request_id=b",
  ])
    await expectErrorPage(await browser.request(`/oauth/consent${query}`));
});

test("signing out withdraws the page that is still open", async () => {
  const { browser, page } = await consentPage();
  const session = [...browser.cookies];
  const out = await browser.open("/logout");
  await browser.submit(out.forms[0]);
  browser.cookies = new Map(session);
  const before = await codes();
  const { leaves } = await browser.allow(page);
  assert.equal(codeIn(leaves), null);
  assert.equal(await codes(), before);
});

// Covers: R33, B20
test("an app suspended while the page is open gets no code", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  const { browser, page, user } = await consentPage(app);
  await suspend(latchkey, app);
  const before = await codes();
  const { leaves } = await browser.allow(page);
  assert.equal(codeIn(leaves), null);
  assert.equal(await codes(), before);
  assert.deepEqual(await consentsOf(user), []);
});

// Covers: B20
test("a user suspended while the page is open can allow nothing", async () => {
  const { browser, page, user } = await consentPage();
  await latchkey.run("UPDATE users SET status = 'suspended' WHERE id = ?", user);
  const before = await codes();
  const { leaves } = await browser.allow(page);
  assert.equal(codeIn(leaves), null);
  assert.equal(await codes(), before);
});

test("codes and sessions are stored as hashes only", async () => {
  const { browser, page } = await consentPage();
  const { leaves } = await browser.allow(page);
  const code = codeIn(leaves);
  const rows = JSON.stringify([
    await latchkey.rows("SELECT * FROM authorization_codes"),
    await latchkey.rows("SELECT * FROM decisions"),
  ]);
  const { keys } = await latchkey.kv.list();
  const values = await Promise.all(keys.map(({ name }) => latchkey.kv.get(name)));
  assert.ok(!`${rows}${JSON.stringify(keys)}${values.join("")}`.includes(code));
});
