import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectNotStored, expectPageHeaders } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { newUser } from "./support/platform.mjs";

const SESSION = "__Host-latchkey_session";
const BROWSER = "__Host-latchkey_browser";

const latchkey = await startLatchkey();
const loginPath = (to) => `/login?continue=${encodeURIComponent(to)}`;
const isSignedIn = async (browser) => (await browser.request("/api/user/connected-apps")).status === 200;

async function openLogin(to = "/account/apps") {
  const browser = new Browser(latchkey);
  const page = await browser.open(loginPath(to));
  return { browser, page, form: page.forms[0] };
}

// Rule: UI 1, UI 16
test("the sign-in page is one plain form", async () => {
  const { page, form } = await openLogin();
  assert.equal(page.status, 200);
  expectPageHeaders(page.answer);
  expectNotStored(page.answer);
  assert.equal(page.forms.length, 1);
  assert.equal(form.method, "post");
  assert.equal(form.action.href, page.url.href);
  const kinds = form.fields.map(({ name, type }) => [name, type === "hidden"]);
  assert.deepEqual(kinds.sort(), [
    ["csrf", true],
    ["username", false],
  ]);
  assert.equal(page.scripts, 0);
});

// Covers: R38
// Rule: AUTHZ 28, UI 9, UI 16
test("signing in leads on to where the user was going, with a session cookie no script can read", async () => {
  const { browser, form } = await openLogin("/account/apps?x=1&y=%20");
  const answer = await browser.request(form.action, browser.fill(form, { fields: { username: "alice" } }));
  assert.equal(answer.status, 303);
  assert.equal(new URL(answer.headers.get("location"), ISSUER).href, `${ISSUER}/account/apps?x=1&y=%20`);
  expectNotStored(answer);
  const cookie = answer.headers.getSetCookie().find((line) => line.startsWith(SESSION));
  for (const attribute of ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"])
    assert.match(cookie, new RegExp(`; ?${attribute}(;|$)`, "i"));
  assert.doesNotMatch(cookie, /domain=/i);
  assert.ok(await isSignedIn(browser));
});

test("a wrong name gets the form again, with an error and no session", async () => {
  for (const username of ["nobody", "", " ", "' OR 1=1 --", "a".repeat(5000), "<script>alert(1)</script>"]) {
    const { browser, form } = await openLogin();
    const page = await browser.submit(form, { fields: { username } });
    await expectErrorPage(page.answer);
    assert.equal(page.forms.length, 1);
    assert.equal(page.scripts, 0);
    assert.ok(!browser.cookies.has(SESSION), username);
  }
});

test("a suspended user cannot sign in, and a session from before is worth nothing", async () => {
  const username = await newUser(latchkey);
  const earlier = await signedIn(latchkey, username);
  await latchkey.run("UPDATE users SET status = 'suspended' WHERE username = ?", username);
  const { browser, form } = await openLogin();
  const page = await browser.submit(form, { fields: { username } });
  assert.equal(page.status, 400);
  assert.ok(!browser.cookies.has(SESSION));
  assert.ok(!(await isSignedIn(earlier)));
});

const elsewhere = [
  "https://evil.example/",
  "//evil.example/",
  "///evil.example/",
  "/.//evil.example/",
  "/a/..//evil.example/",
  "/\\evil.example/",
  "\\\\evil.example/",
  "\\/evil.example/",
  "/\t/evil.example/",
  "\t//evil.example/",
  " //evil.example/",
  "/\n/evil.example",
  "https:evil.example",
  "http:/evil.example",
  "javascript:alert(1)",
  "data:text/html,x",
  `${ISSUER}@evil.example/`,
  `${ISSUER}.evil.example/`,
  "http://localhost:9999/",
  "evil.example",
  "",
];

// Covers: B14
// Rule: ATTACK 9
test("signing in never leads off this site", async (t) => {
  for (const to of elsewhere) {
    await t.test(JSON.stringify(to), async () => {
      const { browser, form } = await openLogin(to);
      // By the form's own address, and by the one it was opened with, which the page may have put right.
      for (const action of [form.action, loginPath(to)]) {
        const answer = await browser.request(action, browser.fill(form, { fields: { username: "alice" } }));
        assert.equal(answer.status, 303);
        assert.equal(answer.headers.get("location"), "/account/apps");
      }
    });
  }
});

// Covers: B14
// Rule: ATTACK 9
test("line breaks in the address to go on to do not become headers", async () => {
  const { browser, form } = await openLogin("/account/apps\r\nSet-Cookie: stolen=1");
  const answer = await browser.request(form.action, browser.fill(form, { fields: { username: "alice" } }));
  assert.equal(answer.status, 303);
  assert.ok(answer.headers.getSetCookie().every((line) => line.startsWith("__Host-latchkey_")));
});

// Rule: UI 2, UI 10, ATTACK 12
test("nobody can be signed in by another site", async (t) => {
  const attempt = async (name, change) =>
    t.test(name, async () => {
      const { browser, form } = await openLogin();
      const init = browser.fill(form, { fields: { username: "alice" } });
      await change(init, browser);
      const answer = await browser.request(form.action, init);
      assert.ok(answer.status === 400 || answer.status === 403, String(answer.status));
      assert.ok(!browser.cookies.has(SESSION));
    });
  await attempt("no token", (init) => init.body.delete("csrf"));
  await attempt("a made-up token", (init) => init.body.set("csrf", "x".repeat(43)));
  await attempt("the token of another browser", async (init) => {
    const other = await openLogin();
    init.body.set("csrf", other.form.value("csrf"));
  });
  await attempt("no cookie", (init, browser) => browser.cookies.delete(BROWSER));
  await attempt("another site's origin", (init) => (init.headers.origin = "https://evil.example"));
  await attempt("another port's origin", (init) => (init.headers.origin = "http://localhost:8789"));
  await attempt("an opaque origin", (init) => (init.headers.origin = "null"));
});

// Rule: UI 9, ATTACK 13
test("signing in replaces whatever session cookie was there", async () => {
  const { browser, form } = await openLogin();
  browser.cookies.set(SESSION, "chosen-by-an-attacker");
  await browser.submit(form, { fields: { username: "alice" } });
  const first = browser.cookies.get(SESSION);
  assert.notEqual(first, "chosen-by-an-attacker");
  await browser.signIn("ben");
  assert.notEqual(browser.cookies.get(SESSION), first);
  const left = new Browser(latchkey);
  left.cookies.set(SESSION, first);
  assert.ok(!(await isSignedIn(left)), "the session from before is still good");
});

test("a session is stored as a hash only", async () => {
  const browser = await signedIn(latchkey);
  const token = browser.cookies.get(SESSION);
  const rows = JSON.stringify(await latchkey.rows("SELECT * FROM sessions"));
  assert.ok(token.length >= 22 && !rows.includes(token));
});

test("an expired session is none", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  await latchkey.run("UPDATE sessions SET expires_at = ?", Date.now() - 1000);
  assert.ok(!(await isSignedIn(browser)));
});

// Rule: UI 2
test("signing out needs the form, and ends the session on the server", async () => {
  const browser = await signedIn(latchkey);
  const token = browser.cookies.get(SESSION);
  const page = await browser.open("/logout");
  expectPageHeaders(page.answer);
  const init = browser.fill(page.forms[0]);

  const forged = await browser.request("/logout", { ...init, body: new URLSearchParams({ csrf: "x" }) });
  assert.ok(forged.status === 400 || forged.status === 403, String(forged.status));
  const foreign = await browser.request("/logout", { ...init, headers: { origin: "https://evil.example" } });
  assert.ok(foreign.status === 400 || foreign.status === 403, String(foreign.status));
  assert.ok(await isSignedIn(browser));

  const answer = await browser.request("/logout", init);
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get("location"), "/logout");
  assert.ok(!browser.cookies.has(SESSION));
  assert.match((await browser.open("/logout")).text, /You are signed out/);
  browser.cookies.set(SESSION, token);
  assert.ok(!(await isSignedIn(browser)));
});
