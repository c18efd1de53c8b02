// Before its review an app that a person registered works for its developer and its testers, and for nobody else.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { newDeveloper } from "./support/developer.mjs";
import { expectErrorPage, expectErrorRedirect, expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { addTester, apis, CALLBACK, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, refresh, introspect, redeem, token, tokens } = oauthClient(latchkey);
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const waiting = (changes = {}) => newApp(latchkey, { status: "pending_review", ...changes });

async function someone() {
  const username = await newUser(latchkey);
  return { username, browser: await signedIn(latchkey, username) };
}

// Covers: R33
test("testers and members of the developer account connect it, and its tokens work", async (t) => {
  for (const app_class of ["portal", "operator"]) {
    for (const status of ["draft", "pending_review"]) {
      await t.test(`${app_class}, ${status}`, async () => {
        const app = await waiting({ class: app_class, status });
        const [tester, member] = [await someone(), await someone()];
        await addTester(latchkey, app, tester.username);
        await latchkey.run("INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_northwind', ?, 'member')", `usr_${member.username}`);
        for (const { browser } of [tester, member]) {
          const family = await connect(browser, app);
          assert.equal(await isActive(family), true);
          await tokens(await refresh(app, family.refresh_token));
        }
      });
    }
  }
});

// Covers: R33, R41
test("a stranger gets a page that says so, with the way back to the app, and no code", async () => {
  const app = await waiting();
  const { browser } = await someone();
  const { url } = authorizationRequest(app, { state: "kept" });
  const page = await browser.authorize(url);
  assert.equal(page.status, 403);
  const back = page.attributes("a", "href").map((href) => new URL(href, page.url)).find(({ origin }) => origin === new URL(CALLBACK).origin);
  const { error, state, iss } = Object.fromEntries(back.searchParams);
  assert.deepEqual([error, state, iss], ["access_denied", "kept", "http://localhost:8787"]);
  assert.equal(page.forms.length, 0, "nothing to decide");
  const none = await browser.request(authorizationRequest(app, { prompt: "none", state: "s" }).url);
  expectErrorRedirect(none, { redirect_uri: CALLBACK, error: "access_denied", state: "s" });
});

// Covers: R33
test("who is not signed in learns no more than that they have to sign in", async () => {
  const app = await waiting();
  const { leaves, url } = await new Browser(latchkey).open(authorizationRequest(app).url);
  assert.equal(leaves, undefined);
  assert.equal(url.pathname, "/login");
});

// Covers: R33, B20
test("whoever is no tester any more when they decide allows nothing", async () => {
  const app = await waiting();
  const { browser, username } = await someone();
  await addTester(latchkey, app, username);
  const page = await browser.authorize(authorizationRequest(app).url);
  assert.equal(page.status, 200);
  await latchkey.run("DELETE FROM app_testers WHERE client_id = ?", app.client_id);
  const before = await latchkey.count("authorization_codes");
  const { answer, leaves } = await browser.allow(page);
  assert.equal(leaves, undefined);
  await expectErrorPage(answer, 403);
  assert.equal(await latchkey.count("authorization_codes"), before);
  assert.equal(await latchkey.count("consents", "client_id = ?", app.client_id), 0);
});

// Covers: B1
test("it gets no token for itself, and one that is rejected meanwhile gets none at all", async () => {
  const machine = { api: "api_projects", subject_type: "client", access: "all" };
  const app = await waiting({ grants: [machine] });
  const { browser, username } = await someone();
  await addTester(latchkey, app, username);
  await expectRefusal(await token(app, { grant_type: "client_credentials" }), "unauthorized_client");
  const rejected = await waiting({ grants: [machine] });
  await addTester(latchkey, rejected, username);
  const grant = await browser.connect(rejected);
  await latchkey.run("UPDATE apps SET status = 'rejected', epoch = epoch + 1 WHERE client_id = ?", rejected.client_id);
  await new Promise((done) => setTimeout(done, 10_000));
  await expectRefusal(await redeem(grant), "invalid_client");
  await expectErrorPage(await browser.request(authorizationRequest(rejected).url));
});

const addMember = ({ username }) =>
  latchkey.run("INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_northwind', ?, 'member')", `usr_${username}`);
const removeMember = ({ username }) => latchkey.run("DELETE FROM developer_members WHERE user_id = ?", `usr_${username}`);
const removeTester = ({ username }, { client_id }) =>
  latchkey.run("DELETE FROM app_testers WHERE client_id = ? AND user_id = ?", client_id, `usr_${username}`);
const consents = ({ client_id }) =>
  latchkey.rows("SELECT user_id, status, ended_by FROM consents WHERE client_id = ? ORDER BY created_at, id", client_id);

// Covers: R33
test("whoever is removed from testers or members loses the app with the next cron run, and being added again brings nothing back", async () => {
  const app = await waiting();
  const [tester, member, other] = [await someone(), await someone(), await someone()];
  for (const { username } of [tester, other]) await addTester(latchkey, app, username);
  await addMember(member);
  const families = [];
  for (const { browser } of [tester, member, other]) families.push(await connect(browser, app));
  // Use would have put this one back.
  await latchkey.run("UPDATE consents SET status = 'revoking', ended_by = 'unused' WHERE user_id = ?", `usr_${member.username}`);
  await removeTester(tester, app);
  await removeMember(member);
  await addTester(latchkey, app, tester.username);
  await addMember(member);
  const ended = { status: "revoking", ended_by: "tester_removed" };
  assert.deepEqual(await consents(app), [
    { user_id: `usr_${tester.username}`, ...ended },
    { user_id: `usr_${member.username}`, ...ended },
    { user_id: `usr_${other.username}`, status: "active", ended_by: null },
  ]);
  await latchkey.runSchedule();
  for (const family of families.slice(0, 2)) {
    assert.equal(await isActive(family), false);
    await expectRefusal(await refresh(app, family.refresh_token), "invalid_grant");
  }
  assert.equal(await isActive(families[2]), true);
  await tokens(await refresh(app, families[2].refresh_token));
});

test("nothing ends for whom something else lets in: the other list, or the app's review", async () => {
  const [app, approved] = [await waiting(), await waiting()];
  const [one, two] = [await someone(), await someone()];
  for (const person of [one, two]) {
    await addTester(latchkey, app, person.username);
    await addMember(person);
    await connect(person.browser, app);
    await connect(person.browser, approved);
  }
  await latchkey.run("UPDATE apps SET status = 'approved' WHERE client_id = ?", approved.client_id);
  await removeTester(one, app);
  await removeMember(two);
  for (const of of [app, approved])
    assert.deepEqual((await consents(of)).map(({ status }) => status), ["active", "active"]);
});

// Covers: R33
test("a tester who is removed in the portal loses the app's tokens at once, and not at the next cron run", async () => {
  const { call } = await newDeveloper(latchkey);
  const app = await waiting();
  const tester = await someone();
  const added = await (await call("POST", `/apps/${app.client_id}/testers`, { name: tester.username })).json();
  const family = await connect(tester.browser, app);
  assert.equal(await isActive(family), true);
  const removed = await call("DELETE", `/apps/${app.client_id}/testers/${added.id}`);
  assert.equal(removed.status, 204);
  assert.equal(await isActive(family), false);
  await expectRefusal(await refresh(app, family.refresh_token), "invalid_grant");
  const { results } = await latchkey.db.prepare("SELECT status FROM consents WHERE client_id = ?").bind(app.client_id).all();
  assert.deepEqual(results, [{ status: "revoked" }]);
});
