// UI: what people see, and what others can do to it.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "../support/browser.mjs";
import { expectNotStored, expectPageHeaders } from "../support/expect.mjs";
import { ISSUER, startLatchkey } from "../support/harness.mjs";
import { readHtml } from "../support/html.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "../support/oauth.mjs";
import { apps, CALLBACK, newApp, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, tokens } = oauthClient(latchkey);
const html = { headers: { accept: "text/html" } };

async function consentPage(client = apps.spa, parameters = {}) {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const { url, ...grant } = authorizationRequest(client, parameters);
  const page = await browser.authorize(url);
  assert.equal(page.status, 200, page.source);
  return { browser, page, form: page.forms[0], grant };
}

// Every page there is, with what it answers: { name: Response }
async function everyPage() {
  const { browser } = await consentPage();
  await browser.connect(apps.spa);
  const stranger = new Browser(latchkey);
  const consent = (await browser.authorize(authorizationRequest(apps.spa).url)).url;
  return {
    home: await stranger.request("/", html),
    "sign-in": await stranger.request("/login"),
    "sign-in, refused": await stranger.request("/login", { method: "POST", body: new URLSearchParams({ csrf: "x" }) }),
    consent: await browser.request(consent),
    "a request that cannot be read": await browser.request("/oauth/consent?request_id=x"),
    "another browser's request": await stranger.request(consent),
    "a link that does not work": await stranger.request("/oauth/authorize?client_id=x"),
    "a decision, refused": await browser.request("/oauth/consent", { method: "POST", body: "decision=allow" }),
    "sign-out": await browser.request("/logout"),
    "sign-out, refused": await browser.request("/logout", { method: "POST", body: new URLSearchParams({ csrf: "x" }) }),
    "connected apps": await browser.request("/account/apps"),
    nothing: await stranger.request("/nowhere", html),
  };
}

// Rule: UI 1, UI 7, UI 12, ATTACK 1
test("no page can be framed, runs script, loads from elsewhere or tells another site its address", async (t) => {
  for (const [name, answer] of Object.entries(await everyPage())) {
    await t.test(name, async () => {
      expectPageHeaders(answer);
      const page = readHtml(await answer.text(), ISSUER);
      assert.equal(page.scripts, 0);
      const loaded = [["img", "src"], ["link", "href"], ["iframe", "src"], ["source", "srcset"], ["video", "src"], ["object", "data"]];
      for (const [tag, attribute] of loaded)
        for (const address of page.attributes(tag, attribute).filter(Boolean))
          assert.equal(new URL(address, ISSUER).origin, ISSUER, `${tag} ${address}`);
    });
  }
});

// Rule: UI 3
test("form fields change nothing about the request that is decided", async () => {
  const { browser, form, grant } = await consentPage(apps.spa, { scope: "read:profile", state: "kept" });
  const init = browser.fill(form, { button: "allow" });
  const wishes = {
    client_id: apps.rival.client_id,
    redirect_uri: "https://evil.example/",
    scope: "read:profile write:projects",
    state: "other",
    code_challenge: "x".repeat(43),
    resource: "https://billing.example/v1",
    user_id: "usr_alice",
  };
  for (const [name, value] of Object.entries(wishes)) init.body.append(name, value);
  const { leaves } = await browser.open(form.action, init);
  assert.equal(leaves.origin + leaves.pathname, CALLBACK);
  assert.equal(leaves.searchParams.get("state"), "kept");
  const { access_token } = await tokens(await redeem({ ...grant, code: leaves.searchParams.get("code") }));
  const { client_id, scope } = claimsOf(access_token);
  assert.deepEqual([client_id, scope], [apps.spa.client_id, "read:profile"]);
});

// Rule: UI 8, ATTACK 10
test("a name cannot turn the text around it, hide letters or fill the page", async () => {
  const app = await newApp(latchkey, { app_type: "spa" });
  const name = `Ac\u202eme\u2066\u200b\u0007\ufeff ${"long ".repeat(2000)}`;
  await latchkey.run("UPDATE apps SET name = ? WHERE client_id = ?", name, app.client_id);
  const { page } = await consentPage(app);
  // The page's own marks around a name, where there can be no markup, open and close.
  const source = page.source.replace(/\u2068([^\u2066-\u2069]*)\u2069/g, "$1");
  assert.doesNotMatch(source, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/);
  assert.ok(page.text.length < 3000, String(page.text.length));
});

// Rule: UI 8
test("what a link says of a user is shown as text", async () => {
  const login_hint = `"><img src=x onerror=alert(1)>`;
  const stranger = new Browser(latchkey);
  const page = await stranger.open(authorizationRequest(apps.spa, { login_hint }).url);
  assert.equal(page.url.pathname, "/login");
  assert.equal(page.scripts, 0);
  assert.ok(page.attributes("input", "value").includes(login_hint), "the hint is not there at all");
});

// Rule: AUTHZ 28, UI 16, FAPI 22
test("no form post is answered with a redirect that repeats the post", async (t) => {
  const posts = {
    "sign-in": async () => {
      const browser = new Browser(latchkey);
      const page = await browser.open("/login");
      return browser.request(page.forms[0].action, browser.fill(page.forms[0], { fields: { username: "alice" } }));
    },
    ...Object.fromEntries(
      ["allow", "deny"].map((button) => [
        button,
        async () => {
          const { browser, form } = await consentPage();
          return browser.request(form.action, browser.fill(form, { button }));
        },
      ]),
    ),
    authorize: async () => {
      const body = new URL(authorizationRequest(apps.spa).url).searchParams;
      return latchkey.fetch("/oauth/authorize", { method: "POST", body });
    },
    disconnect: async () => {
      const { browser, page } = await consentPage();
      await browser.allow(page);
      const [revoke] = (await browser.askToDisconnect()).forms;
      return browser.request(revoke.action, browser.fill(revoke));
    },
    "sign-out": async () => {
      const browser = await signedIn(latchkey, await newUser(latchkey));
      const { forms } = await browser.open("/logout");
      return browser.request("/logout", browser.fill(forms[0]));
    },
  };
  for (const [name, post] of Object.entries(posts)) {
    await t.test(name, async () => {
      const answer = await post();
      assert.equal(answer.status, 303);
      expectNotStored(answer);
    });
  }
});

// Rule: UI 2, ATTACK 3
test("a replayed decision of another session is refused", async () => {
  const { browser, form } = await consentPage();
  const init = browser.fill(form, { button: "allow" });
  const thief = await signedIn(latchkey, await newUser(latchkey));
  const answer = await thief.request(form.action, init);
  assert.ok([400, 403].includes(answer.status), String(answer.status));
  assert.equal(answer.headers.get("location"), null);
});
