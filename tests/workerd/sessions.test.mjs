import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectNotStored, expectPageHeaders, expectRefusal, expectTryAgainPage } from "./support/expect.mjs";
import { ISSUER, startLatchkey, trips } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { introspect, refresh, connect } = oauthClient(latchkey);
const LIST = "/api/user/sessions";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";

const list = async (browser) => (await browser.request(LIST)).json();
const remove = (browser, path = "", headers = { origin: ISSUER }) =>
  browser.request(LIST + path, { method: "DELETE", headers });
const isSignedIn = async (browser) => (await browser.request(LIST)).status === 200;

// One user in two browsers.
async function twoBrowsers() {
  const username = await newUser(latchkey);
  const browsers = [new Browser(latchkey, { headers: { "user-agent": FIREFOX } }), new Browser(latchkey)];
  for (const browser of browsers) assert.equal((await browser.signIn(username)).status, 200);
  return [...browsers, username];
}

test("the list tells of each session where it is, since when and until when it was used", async () => {
  const [firefox, other] = await twoBrowsers();
  const answer = await other.request(LIST);
  expectNotStored(answer);
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
  const [mine, earlier, ...more] = await answer.json();
  assert.deepEqual(more, []);
  assert.deepEqual([mine.is_this_session, earlier.is_this_session], [true, false]);
  const { session_id, signed_in_at, last_active_at, ...rest } = earlier;
  assert.match(session_id, /^ses_[a-z0-9]+$/);
  for (const time of [signed_in_at, last_active_at]) assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  assert.deepEqual(rest, { browser: "Firefox", system: "Linux", connection: null, is_this_session: false });
  assert.ok(!JSON.stringify(await list(firefox)).includes("token_hash"));
});

test("a session that is used says so once in five minutes, in the trip that reads it", async () => {
  const [browser] = await twoBrowsers();
  const [{ session_id }] = await list(browser);
  const seen = async () =>
    (await latchkey.rows("SELECT last_seen_at FROM sessions WHERE id = ?", session_id))[0].last_seen_at;
  const before = (minutes) =>
    latchkey.run("UPDATE sessions SET last_seen_at = ? WHERE id = ?", Date.now() - minutes * 60_000, session_id);
  await before(4);
  const four = await seen();
  await list(browser);
  assert.equal(await seen(), four);
  await before(6);
  const { url } = authorizationRequest(apps.spa);
  const answer = await browser.request(url);
  assert.ok(Date.now() - (await seen()) < 60_000);
  assert.deepEqual(trips(answer), { "DB.batch": 1, depth: 1 });
  await before(6);
  await list(browser);
  assert.ok(Date.now() - (await seen()) < 60_000);
});

test("a session is ended by its id, by its own user and from a page of ours only", async () => {
  const [one, two] = await twoBrowsers();
  const stranger = await signedIn(latchkey, await newUser(latchkey));
  const [, { session_id }] = await list(one);
  for (const path of [`/${session_id}`, "/x", "/%27%20OR%201%3D1"])
    assert.equal((await remove(stranger, path)).status, 404, path);
  for (const headers of [{}, { origin: "https://evil.example" }, { origin: "null" }])
    for (const path of [`/${session_id}`, ""]) assert.equal((await remove(one, path, headers)).status, 403);
  assert.ok(await isSignedIn(two));
  assert.equal((await remove(one, `/${session_id}`)).status, 200);
  assert.ok(!(await isSignedIn(two)));
  assert.ok(await isSignedIn(one));
  assert.equal((await remove(one, `/${session_id}`)).status, 404);
});

test("signing out everywhere ends every session and leaves apps connected", async () => {
  const [one, two, username] = await twoBrowsers();
  const stranger = await signedIn(latchkey, await newUser(latchkey));
  const { access_token } = await connect(one, apps.spa);
  const answer = await remove(one);
  assert.equal(answer.status, 200);
  assert.ok(!one.cookies.has("__Host-latchkey_session"));
  assert.ok(!(await isSignedIn(two)));
  assert.ok(await isSignedIn(stranger));
  const [{ id }] = await latchkey.rows("SELECT id FROM users WHERE username = ?", username);
  assert.equal(await latchkey.count("sessions", "user_id = ?", id), 0);
  const active = await (await introspect(apis.projects.credential, access_token)).json();
  assert.equal(active.active, true);
});

test("a decision page open in another tab decides nothing once its user signed out everywhere", async () => {
  const [deciding, other] = await twoBrowsers();
  const page = await deciding.authorize(authorizationRequest(apps.spa).url);
  assert.equal(page.status, 200);
  assert.equal((await remove(other)).status, 200);
  const [decisions, consents] = [await latchkey.count("decisions"), await latchkey.count("consents")];
  const decided = await deciding.allow(page);
  assert.equal(decided.leaves, undefined, String(decided.leaves));
  assert.deepEqual([await latchkey.count("decisions"), await latchkey.count("consents")], [decisions, consents]);
});

test("the sessions of a connection that is switched off end, and switching it on again brings none back", async () => {
  const [one, two] = await twoBrowsers();
  await latchkey.run(
    `INSERT INTO connections (id, kind, name, status, issuer, client_id, created_at)
     VALUES ('con_off', 'oidc', 'Acme', 'active', 'https://id.example', 'x', 0)`,
  );
  const [, { session_id }] = await list(one);
  await latchkey.run("UPDATE sessions SET connection_id = 'con_off' WHERE id = ?", session_id);
  assert.equal((await list(one))[1].connection, "Acme");
  for (const status of ["disabled", "active"]) {
    await latchkey.run("UPDATE connections SET status = ? WHERE id = 'con_off'", status);
    assert.ok(!(await isSignedIn(two)), status);
    assert.equal((await list(one)).length, 1);
  }
});

test("what a suspended user had ends for good, though they are reinstated at once, and nobody else's does", async () => {
  const suspended = await newUser(latchkey);
  const browser = await signedIn(latchkey, suspended);
  const families = [await connect(browser, apps.spa), await connect(browser, apps.web)];
  const neighbour = await connect(await signedIn(latchkey, await newUser(latchkey)), apps.spa);
  const isActive = async ({ access_token }) =>
    (await (await introspect(apis.projects.credential, access_token)).json()).active;
  const consents = () =>
    latchkey.rows("SELECT status, ended_by, revoked_at FROM consents WHERE user_id = ? ORDER BY created_at", `usr_${suspended}`);
  // One was about to end if nobody used it: use does not save it any more.
  await latchkey.run(
    "UPDATE consents SET status = 'revoking', ended_by = 'unused', revoked_at = 1 WHERE user_id = ? AND client_id = ?",
    `usr_${suspended}`,
    apps.spa.client_id,
  );
  for (const status of ["suspended", "active"])
    await latchkey.run("UPDATE users SET status = ? WHERE username = ?", status, suspended);
  assert.ok(!(await isSignedIn(browser)), "reinstated, and signed out");
  const [one, other] = await consents();
  for (const { status, ended_by } of [one, other]) assert.deepEqual([status, ended_by], ["revoking", "user_suspended"]);
  assert.ok(Math.abs(Date.now() - other.revoked_at) < 60_000);
  await latchkey.runSchedule();
  for (const { status } of await consents()) assert.equal(status, "revoked");
  for (const family of families) assert.equal(await isActive(family), false);
  await expectRefusal(await refresh(apps.spa, families[0].refresh_token), "invalid_grant");
  await expectRefusal(await refresh(apps.web, families[1].refresh_token), "invalid_grant");
  assert.equal(await isActive(neighbour), true);
});

const PAGE = "/account/sessions";
const EVERYWHERE = "/account/sessions/end";

// Rule: UI 1, UI 2, ATTACK 1, ATTACK 2
test("the pages about sessions are framed nowhere, and their forms work from nowhere else", async () => {
  const [browser, other] = await twoBrowsers();
  for (const path of [PAGE, EVERYWHERE, "/logout"]) {
    const page = await browser.open(path);
    expectPageHeaders(page.answer);
    expectNotStored(page.answer);
    assert.equal(page.scripts, 0);
    const form = page.forms[0];
    const foreign = await other.open(path);
    for (const change of [
      (init) => init.body.delete("csrf"),
      (init) => init.body.set("csrf", foreign.forms[0].value("csrf")),
      (init) => (init.headers.origin = "https://evil.example"),
    ]) {
      const init = browser.fill(form);
      change(init);
      await expectErrorPage(await browser.request(form.action, init), 403);
    }
  }
  assert.ok((await isSignedIn(browser)) && (await isSignedIn(other)));
});

test("a session is signed out from the page, and everywhere after a question", async () => {
  const [one, two, username] = await twoBrowsers();
  const third = await signedIn(latchkey, username);
  const page = await one.open(PAGE);
  assert.match(page.text, /Firefox on Linux this browser/);
  assert.equal(page.forms.length, 3);
  const after = await one.submit(page.forms[1]);
  assert.match(after.text, /That browser is signed out/);
  // The latest to be used comes first.
  assert.deepEqual([await isSignedIn(two), await isSignedIn(third)], [true, false]);
  const question = await one.open(EVERYWHERE);
  assert.match(question.text, /Apps that you have connected stay connected/);
  const done = await one.submit(question.forms[0]);
  assert.match(done.text, /You are signed out everywhere/);
  assert.ok(!(await isSignedIn(two)));
  assert.equal((await one.open(PAGE)).url.pathname, "/login");
});

// Rule: UI 9
test("while the database is out of reach nobody is signed out, and the page offers to try again", async () => {
  const [browser] = await twoBrowsers();
  const question = await browser.open(EVERYWHERE);
  // The first call asks who is signed in, the second ends the sessions.
  for (const skip of [0, 1]) {
    const failed = await browser.submit(question.forms[0], { faults: [{ at: "DB", fail: "before", skip }] });
    await expectTryAgainPage(failed.answer);
  }
  assert.ok(await isSignedIn(browser));
});
