// An app all of whose fields are meant to do harm, on every page that shows them. What an app is called, everyone may
// choose; what else is in these rows may have come from somewhere.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest } from "./support/oauth.mjs";
import { newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();

const ADDRESS = "https://partner.example/callback";
const markup = (place) => `"'></bdi></title></p><script>alert("${place}")</script><img src=//evil.example onerror=alert(1)>`;
const turned = (place) => `${markup(place)}\u202e\u2066\u200b\u0007\u061c\ufeff`;
const endless = (place) => `${turned(place)} ${"W".repeat(10_000)}`;

// An app, its developer and an API of its own, with these words in the place of their own.
async function appWith(words) {
  const app = await newApp(latchkey, { redirect_uris: [ADDRESS, words.redirect_uri], scopes: ["read:profile"] });
  const id = app.client_id;
  const now = Date.now();
  const set = (sql, ...values) => latchkey.run(sql, ...values);
  await set("INSERT INTO developers (id, name, created_at) VALUES (?, ?, ?)", `dev_${id}`, words.developer, now);
  await set(
    "UPDATE apps SET developer_id = ?, name = ?, description = ?, logo_url = ?, logo = ? WHERE client_id = ?",
    `dev_${id}`, words.name, words.description, words.logo, words.logo, id,
  );
  await set("INSERT INTO apis (id, resource, name, created_at) VALUES (?, ?, ?, ?)", `api_${id}`, `https://${id.replace("_", "-")}.example`, words.api, now);
  await set(
    "INSERT INTO scopes (name, title, description, api_id, position) VALUES (?, ?, ?, ?, 1)",
    words.scope, words.title, words.permission, `api_${id}`,
  );
  await set(
    "INSERT INTO client_grants (client_id, api_id, subject_type, access) VALUES ('*', ?, 'user', 'all')",
    `api_${id}`,
  );
  await set("INSERT INTO app_scopes (client_id, scope, is_default) VALUES (?, ?, 1)", id, words.scope);
  return app;
}

const harmless = {
  name: "Planner",
  developer: "Northwind",
  description: "Plans.",
  logo: null,
  api: "Plans API",
  scope: "read:plans",
  title: "Plans",
  permission: "Read your plans",
  device: "firefox/linux",
  redirect_uri: `${ADDRESS}?from=latchkey`,
};

// Neither letters that deceive nor endless text can come from the platform's own catalogue.
const hostile = (words) => ({
  name: words("name"),
  developer: words("developer"),
  description: words("description"),
  logo: words("logo"),
  api: markup("api"),
  scope: `evil:${words === markup ? "one" : words === turned ? "two" : "three"}'"<b>`.replaceAll(/["\\]/g, ""),
  title: markup("title"),
  permission: markup("permission"),
  device: words("device"),
  redirect_uri: `${ADDRESS}?x="><script>alert(2)</script>`,
});

// Every page that shows an app, from first to last: { name: page }
async function pagesOf(words) {
  const app = await appWith(words);
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const scope = `read:profile ${words.scope}`;
  const pages = {};
  const { url } = authorizationRequest(app, { redirect_uri: words.redirect_uri, scope });
  pages.consent = await browser.open(url);
  assert.equal(pages.consent.status, 200, pages.consent.source);
  await browser.allow(pages.consent);
  await latchkey.run("UPDATE consents SET device = ? WHERE client_id = ?", words.device, app.client_id);
  pages["connected apps"] = await browser.open("/account/apps");
  return { app, browser, pages };
}

const tagsOf = ({ source }) => [...source.matchAll(/<(\/?[a-z][a-z0-9]*)/gi)].map(([, tag]) => tag);
const DECEPTIVE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
// Where markup cannot keep a name apart from the text around it, a pair of these does.
const setApart = (source) => source.replaceAll(/\u2068([^\u2066-\u2069]*)\u2069/g, "$1");
const ordinary = (await pagesOf(harmless)).pages;

for (const [name, words] of Object.entries({ markup, "letters that turn or hide text": turned, "endless text": endless })) {
  // Covers: B21
  // Rule: UI 8, ATTACK 10
  test(`${name} in every field of an app changes no page but its words`, async (t) => {
    const { browser, pages } = await pagesOf(hostile(words));
    for (const [place, page] of Object.entries(pages)) {
      await t.test(place, () => {
        assert.equal(page.status, 200);
        assert.deepEqual(tagsOf(page), tagsOf(ordinary[place]), page.source);
        assert.equal(page.scripts, 0);
        assert.doesNotMatch(setApart(page.source), DECEPTIVE);
        assert.ok(page.text.length < ordinary[place].text.length + 3_000, `${page.text.length} letters`);
      });
    }
    await t.test("and JSON is JSON", async () => {
      const answer = await browser.request("/api/user/connected-apps");
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      assert.equal((await answer.json()).length, 1);
    });
  });
}

// Covers: B21
// Rule: UI 8, ATTACK 10
test("the host that is shown is the one the answer goes to, whatever stands before or after it", async (t) => {
  const { host } = new URL(ADDRESS);
  const tricks = [
    "https://acme-projects.example@partner.example/callback",
    "https://acme-projects.example:pw@partner.example/callback",
    "https://partner.example/callback/@acme-projects.example",
    "https://partner.example/callback?to=https://acme-projects.example",
  ];
  for (const redirect_uri of tricks) {
    await t.test(redirect_uri, async () => {
      const app = await newApp(latchkey, { redirect_uris: [redirect_uri] });
      const browser = await signedIn(latchkey, await newUser(latchkey));
      const page = await browser.open(authorizationRequest(app, { redirect_uri }).url);
      // Refused altogether is as good.
      if (page.status === 400) return assert.equal(page.forms.length, 0);
      assert.ok(page.text.includes(host), page.text);
      assert.ok(!page.text.includes("acme-projects.example"), page.text);
    });
  }
});
