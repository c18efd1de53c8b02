// The life of an app in its review: decisions, races between them, suspension. On the real database and real ledgers.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient, postAs } from "./support/oauth.mjs";
import { apis, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { connect, introspect, redeem, refresh, token, tokens } = oauthClient(latchkey);

const APPS = "/api/developer/apps";
const REDIRECT_URI = "https://partner.example/callback";
const OTHER_URI = "https://partner.example/other";
const UNREVIEWED_URI = "https://attacker.example/callback";
const NEW_APP = {
  name: "My Awesome Integration",
  description: "Plans projects",
  redirect_uris: [REDIRECT_URI],
  scopes: ["read:profile", "read:projects"],
  app_type: "web",
};
const PAGES = { homepage_url: "https://partner.example/", privacy_policy_url: "https://partner.example/privacy" };
const TESTING = { testing: "At https://partner.example with the account demo." };

async function someone(role) {
  const username = await newUser(latchkey);
  const user = `usr_${username}`;
  if (role) await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, ?)", user, role);
  const browser = await signedIn(latchkey, username);
  const call = (method, path, body, headers = {}) =>
    browser.request(path, {
      method,
      headers: { origin: ISSUER, ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  const get = async (path) => answered(await call("GET", path), 200);
  return { user, username, browser, call, get };
}

async function answered(answer, status) {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return text === "" ? undefined : JSON.parse(text);
}

const [rita, otherReviewer] = [await someone("reviewer"), await someone("reviewer")];
const clientOf = ({ client_id, client_secret }) => ({ client_id, secret: client_secret, method: "basic" });
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const register = async (developer, changes) =>
  answered(await developer.call("POST", APPS, { ...NEW_APP, ...PAGES, ...changes }), 201);
const edit = ({ call }, { client_id }, changes) => call("PATCH", `${APPS}/${client_id}`, changes);
const submit = ({ call }, { client_id }) => call("POST", `${APPS}/${client_id}/submissions`, TESTING);
const decide = ({ call }, id, verdict, body) => call("POST", `/api/admin/reviews/${id}/${verdict}`, body);
const pendingOf = async ({ get }, { client_id }) => (await get(`${APPS}/${client_id}/review`)).pending.id;
const isRecent = (time) => Math.abs(Date.now() - Date.parse(time)) < 60_000;

// Longer than an isolate uses the record of an app.
const forgotten = () => sleep(8_500);

const urisInForce = async ({ client_id }) =>
  (await latchkey.rows("SELECT redirect_uri FROM app_redirect_uris WHERE client_id = ? ORDER BY 1", client_id)).map(
    ({ redirect_uri }) => redirect_uri,
  );
const scopesInForce = async ({ client_id }) =>
  (await latchkey.rows("SELECT scope FROM app_scopes WHERE client_id = ? ORDER BY 1", client_id)).map(({ scope }) => scope);
const eventsOf = ({ client_id }, events) =>
  latchkey.rows(
    `SELECT event, actor_id FROM audit WHERE client_id = ? AND event IN (${events.map(() => "?")}) ORDER BY at, id`,
    client_id,
    ...events,
  );

// Covers: R8, R12, R28, R29, R30, R31, R32, R33
test("an app is rejected with its reason, mended, approved by a reviewer, and then serves everybody", async () => {
  const [developer, stranger] = [await someone(), await someone()];
  const made = await answered(await developer.call("POST", APPS, NEW_APP), 201);
  assert.equal(made.status, "pending_review");
  const app = clientOf(made);
  const at = `${APPS}/${made.client_id}`;
  const asked = () => stranger.browser.request(authorizationRequest(app, { redirect_uri: REDIRECT_URI }).url);
  await expectErrorPage(await asked(), 403);

  const queue = await rita.get("/api/admin/reviews?limit=100");
  const waiting = queue.items.find(({ client_id }) => client_id === made.client_id);
  assert.ok(waiting, JSON.stringify(queue));
  const first = await pendingOf(developer, made);
  const seen = await rita.get(`/api/admin/reviews/${first}`);
  assert.ok(isRecent(seen.submitted_for_review_at));
  assert.deepEqual([seen.submitted_by, seen.content.redirect_uris], [developer.user, [REDIRECT_URI]]);

  await answered(await decide(rita, first, "reject", {}), 400);
  await answered(await decide(rita, first, "reject", { reason: "" }), 400);
  const rejected = await answered(await decide(rita, first, "reject", { reason: "Nobody can try it." }), 200);
  assert.deepEqual([rejected.rejected_by, isRecent(rejected.rejected_at)], [rita.user, true]);
  const [told] = (await developer.get(`${at}/submissions`)).items;
  assert.deepEqual([told.status, told.rejection_reason], ["rejected", "Nobody can try it."]);
  assert.ok(!JSON.stringify(told).includes(rita.user), "the developer is not told which reviewer it was");
  assert.equal((await developer.get(at)).status, "rejected");
  for (const verdict of ["approve", "reject"])
    await answered(await decide(rita, first, verdict, verdict === "reject" ? { reason: "again" } : undefined), 409);

  const lacking = await answered(await submit(developer, made), 400);
  const named = lacking.errors.map(({ pointer }) => pointer);
  assert.deepEqual(named.toSorted(), ["#/homepage_url", "#/privacy_policy_url"]);
  await answered(await edit(developer, made, PAGES), 200);
  assert.equal((await developer.get(at)).status, "draft");
  const second = await answered(await submit(developer, made), 201);
  assert.deepEqual([second.number, (await developer.get(at)).status], [2, "pending_review"]);
  await answered(await decide(developer, second.id, "approve"), 403);
  await answered(await decide(stranger, second.id, "approve"), 403);
  const approved = await answered(await decide(rita, second.id, "approve"), 200);
  assert.deepEqual([approved.approved_by, isRecent(approved.approved_at)], [rita.user, true]);
  assert.equal((await developer.get(at)).status, "approved");

  await forgotten();
  const family = await connect(stranger.browser, app, { redirect_uri: REDIRECT_URI });
  assert.equal(await isActive(family), true);
  assert.deepEqual(await eventsOf(made, ["app.submitted", "app.rejected", "app.approved"]), [
    { event: "app.submitted", actor_id: developer.user },
    { event: "app.rejected", actor_id: rita.user },
    { event: "app.submitted", actor_id: developer.user },
    { event: "app.approved", actor_id: rita.user },
  ]);
});

// Covers: R30, R31
test("of many decisions at once exactly one counts", async () => {
  const developer = await someone();
  for (let round = 0; round < 4; round++) {
    const made = await register(developer, { name: `Round ${round}` });
    const id = await pendingOf(developer, made);
    const approve = (reviewer) => () => decide(reviewer, id, "approve");
    const reject = (reviewer) => () => decide(reviewer, id, "reject", { reason: "no" });
    const all = [approve(rita), reject(otherReviewer), reject(rita), approve(otherReviewer)];
    const order = [...all.slice(round), ...all.slice(0, round)];
    const answers = await Promise.all(order.map((decision) => decision()));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 1, String(statuses));
    assert.ok(statuses.every((status) => [200, 409, 412].includes(status)), String(statuses));
    const decided = await answers.find(({ status }) => status === 200).json();
    const [{ status }] = await latchkey.rows("SELECT status FROM apps WHERE client_id = ?", made.client_id);
    assert.equal(status, decided.status);
    assert.deepEqual(await eventsOf(made, ["app.rejected", "app.approved"]), [
      { event: `app.${status}`, actor_id: decided.approved_by ?? decided.rejected_by },
    ]);
  }
});

// Covers: R33, R35
test("an approval that races an edit puts into force what was looked at, and never the edit", async (t) => {
  const unreviewed = { redirect_uris: [UNREVIEWED_URI], scopes: ["read:profile", "read:team"] };
  for (const before of ["first approval", "later approval"]) {
    await t.test(before, async () => {
      const developer = await someone();
      for (let round = 0; round < 4; round++) {
        const made = await register(developer, { name: `Round ${round}` });
        if (before === "later approval") {
          await answered(await decide(rita, await pendingOf(developer, made), "approve"), 200);
          await answered(await edit(developer, made, { redirect_uris: [OTHER_URI] }), 200);
          assert.deepEqual(await urisInForce(made), [REDIRECT_URI], "an edit of a live app is not in force");
          await answered(await submit(developer, made), 201);
        }
        const id = await pendingOf(developer, made);
        const approve = () => decide(rita, id, "approve");
        const change = () => edit(developer, made, unreviewed);
        const race = round % 2 ? [change, approve, change] : [approve, change, change];
        const answers = await Promise.all(race.map((one) => one()));
        for (const { status } of answers) assert.ok([200, 409, 412].includes(status), String(status));
        assert.equal(answers[race.indexOf(approve)].status, 200, "edits meanwhile are no matter");
        assert.deepEqual(await urisInForce(made), [before === "later approval" ? OTHER_URI : REDIRECT_URI]);
        assert.deepEqual(await scopesInForce(made), NEW_APP.scopes);
        // What was edited is not lost: it waits to be submitted.
        const { has_unreviewed_edits } = await developer.get(`${APPS}/${made.client_id}/review`);
        const wasEdited = race.some((one, place) => one === change && answers[place].status === 200);
        assert.equal(has_unreviewed_edits, wasEdited);
      }
    });
  }
});

test("an approval that races a new submission puts into force the one that it names", async () => {
  const developer = await someone();
  for (let round = 0; round < 4; round++) {
    const made = await register(developer, { name: `Round ${round}` });
    await answered(await decide(rita, await pendingOf(developer, made), "approve"), 200);
    await answered(await edit(developer, made, { redirect_uris: [OTHER_URI] }), 200);
    const { id } = await answered(await submit(developer, made), 201);
    await answered(await edit(developer, made, { redirect_uris: [UNREVIEWED_URI] }), 200);
    const [approved] = await Promise.all([decide(rita, id, "approve"), submit(developer, made)]);
    assert.ok([200, 409, 412].includes(approved.status), String(approved.status));
    assert.deepEqual(await urisInForce(made), [approved.status === 200 ? OTHER_URI : REDIRECT_URI]);
    const stored = await latchkey.rows("SELECT status FROM submissions WHERE id = ?", id);
    assert.deepEqual(stored, [{ status: approved.status === 200 ? "approved" : "withdrawn" }]);
  }
});

// Covers: R28
test("nobody decides over an app of their own developer account, not even who joins it afterwards", async () => {
  const own = await someone("reviewer");
  const made = await register(own);
  const id = await pendingOf(own, made);
  const joined = await someone("reviewer");
  const [{ developer_id }] = await latchkey.rows("SELECT developer_id FROM apps WHERE client_id = ?", made.client_id);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role) VALUES (?, ?, 'member')",
    developer_id,
    joined.user,
  );
  for (const reviewer of [own, joined]) {
    assert.equal((await reviewer.get(`/api/admin/reviews/${id}`)).is_own, true);
    await answered(await decide(reviewer, id, "approve"), 403);
    await answered(await decide(reviewer, id, "reject", { reason: "no" }), 403);
    await answered(await reviewer.call("POST", `/api/admin/apps/${made.client_id}/suspend`, { reason: "no" }), 403);
    await answered(await reviewer.call("POST", `/api/admin/apps/${made.client_id}/reinstate`), 403);
  }
  assert.equal((await own.get(`${APPS}/${made.client_id}`)).status, "pending_review");
  assert.deepEqual(await eventsOf(made, ["app.approved", "app.rejected", "app.suspended", "app.reinstated"]), []);
  await answered(await decide(rita, id, "approve"), 200);
});

const machine = { api: "api_projects", subject_type: "client", access: "all" };

async function inUse() {
  const app = await newApp(latchkey, { grants: [machine], redirect_uris: [REDIRECT_URI] });
  const { browser } = await someone();
  const parameters = { redirect_uri: REDIRECT_URI, prompt: "consent" };
  const family = await connect(browser, app, parameters);
  const own = await tokens(await token(app, { grant_type: "client_credentials" }));
  const pushed = await answered(await push(app), 201);
  return { app, browser, family, own, pushed, grant: await browser.connect(app, parameters) };
}

function push(app) {
  const { url } = authorizationRequest(app, { redirect_uri: REDIRECT_URI });
  return postAs(latchkey, "/oauth/par", app, Object.fromEntries(new URL(url).searchParams));
}

// As an app sends its user on after it has pushed the request.
const arrive = (browser, { client_id }, { request_uri }) =>
  browser.request(`/oauth/authorize?${new URLSearchParams({ client_id, request_uri })}`);

const act = async (on, what, body) => {
  const answer = await rita.call("POST", `/api/admin/apps/${on.app.client_id}/${what}`, body);
  return answered(answer, 200);
};

// Covers: R33, B1
test("what a reviewer suspends is dead at every endpoint within ten seconds, and what they reinstate revives nothing", async (t) => {
  const [suspended, reinstated] = [await inUse(), await inUse()];
  const { status, suspension_reason } = await act(suspended, "suspend", { reason: "It sends spam." });
  assert.deepEqual([status, suspension_reason], ["suspended", "It sends spam."]);
  await act(reinstated, "suspend", { reason: "It sends spam." });
  const twice = await rita.call("POST", `/api/admin/apps/${suspended.app.client_id}/suspend`, { reason: "x" });
  assert.equal(twice.status, 409);
  assert.equal((await act(reinstated, "reinstate")).status, "approved");
  await sleep(10_000);

  const refused = ["invalid_client", "invalid_grant", "unauthorized_client"];
  const isDead = async ({ app, family, own, grant }) => {
    for (const answer of [await redeem(grant), await refresh(app, family.refresh_token)]) {
      assert.ok([400, 401].includes(answer.status), String(answer.status));
      await expectRefusal(answer, refused, answer.status);
    }
    for (const { access_token } of [family, own]) {
      const seen = await introspect(apis.projects.credential, access_token);
      assert.deepEqual(await seen.json(), { active: false });
    }
  };
  await t.test("suspended", async () => {
    const { app, browser, pushed } = suspended;
    await isDead(suspended);
    for (const answer of [await token(app, { grant_type: "client_credentials" }), await push(app)]) {
      assert.ok([400, 401].includes(answer.status), String(answer.status));
      await expectRefusal(answer, refused, answer.status);
    }
    await expectErrorPage(await browser.request(authorizationRequest(app, { redirect_uri: REDIRECT_URI }).url));
    await expectErrorPage(await arrive(browser, app, pushed));
  });
  await t.test("reinstated", async () => {
    const { app, browser } = reinstated;
    await isDead(reinstated);
    const again = await connect(browser, app, { redirect_uri: REDIRECT_URI, prompt: "consent" });
    assert.equal(await isActive(again), true);
    await tokens(await refresh(app, again.refresh_token));
    await tokens(await token(app, { grant_type: "client_credentials" }));
    assert.equal((await push(app)).status, 201);
    await isDead(reinstated);
  });
  assert.deepEqual(await eventsOf(reinstated.app, ["app.suspended", "app.reinstated"]), [
    { event: "app.suspended", actor_id: rita.user },
    { event: "app.reinstated", actor_id: rita.user },
  ]);
});
