// What others try on somebody who is signed in, at every route that changes something.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { COUNTED, ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest } from "./support/oauth.mjs";
import { apps, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();

const filled = (browser, form, options) => ({ url: form.action, ...browser.fill(form, options) });
const formOf = ({ forms }, path) => forms.find(({ action }) => action.pathname.endsWith(path));
const called = (method, url) => ({ url, method, headers: { origin: ISSUER } });
// It says nothing of whose it is, so in the attacker's own session it is the attacker's.
const unaddressed = (request) => ({ ...request, isUnaddressed: true });
const list = async (browser, path) => (await browser.request(path)).json();

// What a browser sends when its person wants what the route does. Whatever is hidden in a form is its token.
const wanted = {
  async ConsentDecision(browser) {
    const page = await browser.authorize(authorizationRequest(apps.spa).url);
    return filled(browser, page.forms[0], { button: "allow" });
  },
  async Login(browser) {
    const page = await browser.open("/login");
    return filled(browser, page.forms[0], { fields: { username: "ben" } });
  },
  async Logout(browser) {
    const page = await browser.open("/logout");
    return filled(browser, page.forms[0]);
  },
  async AccountAppsRevoke(browser) {
    await browser.connect(apps.spa);
    const [{ consent_id }] = await (await browser.request("/api/user/connected-apps")).json();
    return filled(browser, formOf(await browser.open(`/account/apps/${consent_id}/revoke`), "/revoke"));
  },
  async RevokeConnectedApps(browser) {
    const app = await newApp(latchkey, { app_type: "spa" });
    await browser.connect(app);
    const url = `/api/user/connected-apps?client_id=${app.client_id}`;
    return { url, method: "DELETE", headers: { origin: ISSUER } };
  },
  async RevokeConnectedApp(browser) {
    await browser.connect(apps.spa);
    const [{ consent_id }] = await list(browser, "/api/user/connected-apps");
    return called("DELETE", `/api/user/connected-apps/${consent_id}`);
  },
  async SignOutEverywhere(browser) {
    return filled(browser, formOf(await browser.open("/account/sessions/end"), "/end"));
  },
  async AccountSessionsEnd(browser) {
    return filled(browser, formOf(await browser.open("/account/sessions"), "/end"));
  },
  async EndSession(browser) {
    const [{ session_id }] = await list(browser, "/api/user/sessions");
    return called("DELETE", `/api/user/sessions/${session_id}`);
  },
  async EndSessions() {
    return unaddressed(called("DELETE", "/api/user/sessions"));
  },
  async DecideConsentRequest(browser) {
    const page = await browser.authorize(authorizationRequest(apps.spa).url);
    const url = `/api/oauth/consent/${page.url.searchParams.get("request_id")}`;
    const { csrf_token } = await list(browser, url);
    const { headers, ...call } = called("POST", url);
    return { ...call, headers: { ...headers, "content-type": "application/json" }, json: { approved: true, csrf_token } };
  },
  async RevokeConnectedApps(browser) {
    await browser.connect(apps.spa);
    return unaddressed(called("DELETE", "/api/user/connected-apps?all=true"));
  },
};

// Routes where no session counts, and one that only shows a page.
const REGISTRATION = ["Register", "ReplaceRegistration", "DeleteRegistration"];
const WITHOUT_SESSION = ["Token", "PushedRequest", "Revoke", "Introspect", ...REGISTRATION];
const SHOWS_ONLY = ["Authorize"];

// Rule: ATTACK 2
test("no route that changes something is missing here", async () => {
  const router = await readFile(new URL("../../src/router.rs", import.meta.url), "utf8");
  const [code] = router.split("#[cfg(test)]");
  const changing = [...code.matchAll(/\("(POST|PUT|PATCH|DELETE)",\s*Route::(\w+)/g)].map(([, , name]) => name);
  const known = [...Object.keys(wanted), ...WITHOUT_SESSION, ...SHOWS_ONLY];
  assert.deepEqual([...new Set(changing)].sort(), known.sort());
});

// Everything that is stored, but for when somebody or something was last seen, what is counted, and the audit trail, which
// hears of things later.
async function everything() {
  const tables = await latchkey.rows(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'audit' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'
       AND name NOT IN (${COUNTED})`,
  );
  const rows = [];
  for (const { name } of tables)
    for (const { last_seen_at: _, last_used_at: __, ...row } of await latchkey.rows(`SELECT * FROM ${name}`)) rows.push([name, row]);
  return { rows, kv: (await latchkey.kv.list()).keys };
}

const without = (body, names) => {
  const kept = new URLSearchParams(body);
  for (const name of names) kept.delete(name);
  return kept;
};
const TOKENS = ["csrf", "request"];

// What an attacker can make of it: { name: request }, `theirs` being what the same route takes from themselves.
function forgeries(mine, theirs) {
  const from = (origin) => ({ ...mine, headers: { ...mine.headers, origin } });
  const { origin: _, ...noOrigin } = mine.headers;
  return {
    "another site": from("https://evil.example"),
    "another port": from("http://localhost:8789"),
    "an opaque origin": from("null"),
    "our name in another site's": from(`${ISSUER}.evil.example`),
    // Of forms the token tells, of calls the origin.
    ...(!mine.body && { "no origin": { ...mine, headers: noOrigin } }),
    ...(mine.json && {
      "no token": { ...mine, json: { ...mine.json, csrf_token: undefined } },
      "another session's token": { ...mine, json: { ...mine.json, csrf_token: theirs.json.csrf_token } },
      "a form in place of JSON": { ...mine, json: undefined, body: new URLSearchParams(mine.json) },
    }),
    ...(mine.body && {
      "no token": { ...mine, body: without(mine.body, TOKENS) },
      "another session's token": { ...mine, body: exchanged(mine.body, theirs.body) },
      "no body": { ...mine, body: new URLSearchParams() },
    }),
  };
}

function exchanged(mine, theirs) {
  const body = without(mine, TOKENS);
  for (const name of TOKENS) for (const value of theirs.getAll(name)) body.append(name, value);
  return body;
}

function send(browser, { url, isUnaddressed: _, json, ...init }) {
  return browser.request(url, json ? { ...init, body: JSON.stringify(json) } : init);
}

for (const [route, press] of Object.entries(wanted)) {
  // Covers: B37
  // Rule: UI 2, ATTACK 2
  test(`${route} takes nothing that its own page did not send, and changes nothing then`, async (t) => {
    const victim = await signedIn(latchkey, await newUser(latchkey));
    const attacker = await signedIn(latchkey, await newUser(latchkey));
    const [mine, theirs] = [await press(victim), await press(attacker)];
    const before = await everything();
    const refused = async (browser, request) => {
      const cookies = [...browser.cookies];
      const answer = await send(browser, request);
      assert.ok([400, 401, 403, 404].includes(answer.status), String(answer.status));
      assert.equal(answer.headers.get("location"), null);
      assert.deepEqual([...browser.cookies], cookies);
      assert.deepEqual(await everything(), before);
    };
    for (const [name, forged] of Object.entries(forgeries(mine, theirs)))
      await t.test(name, () => refused(victim, forged));
    if (!mine.isUnaddressed) await t.test("in the attacker's own session", () => refused(attacker, mine));
    await t.test("what the page itself sends works still", async () => {
      const answer = await send(victim, mine);
      assert.ok([200, 303].includes(answer.status), String(answer.status));
      assert.notDeepEqual(await everything(), before);
    });
  });
}
