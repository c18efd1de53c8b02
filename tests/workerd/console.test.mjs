// What administrators take from people and apps, over real D1 and real ledgers that fail and lag.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, introspect, tokens, connect } = oauthClient(latchkey);

const administrator = await newUser(latchkey);
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, 'administrator')", `usr_${administrator}`);
const console_ = await signedIn(latchkey, administrator);
const ask = (path) => console_.request(`/api/admin${path}`);
const act = (path, body = {}, options = {}) =>
  console_.request(`/api/admin${path}`, {
    method: "POST",
    headers: { origin: ISSUER, "content-type": "application/json" },
    body: JSON.stringify(body),
    ...options,
  });
const newPerson = async () => {
  const username = await newUser(latchkey);
  return { username, user: `usr_${username}`, browser: await signedIn(latchkey, username) };
};
const isActive = async ({ access_token }) => (await (await introspect(apis.projects.credential, access_token)).json()).active;
const isDead = async (app, family) => {
  await expectRefusal(await refresh(app, family.refresh_token), "invalid_grant");
  assert.equal(await isActive(family), false);
};

// Covers: R33, R11
test("whoever is suspended is out of everything when the answer comes, and nobody else", async () => {
  const [person, other] = [await newPerson(), await newPerson()];
  const [spa, web] = [await connect(person.browser, apps.spa), await connect(person.browser, apps.web)];
  const others = await connect(other.browser, apps.spa);
  const answer = await act(`/users/${person.user}/suspend`, { reason: "taken over" });
  assert.equal(answer.status, 200, await answer.clone().text());
  await isDead(apps.spa, spa);
  await isDead(apps.web, web);
  assert.equal((await person.browser.request("/api/user/connected-apps")).status, 401);
  assert.equal(await isActive(others), true);
  await tokens(await refresh(apps.spa, others.refresh_token));

  assert.equal((await act(`/users/${person.user}/reinstate`)).status, 200);
  await isDead(apps.spa, spa);
  const again = await connect(await signedIn(latchkey, person.username), apps.spa);
  assert.equal(await isActive(again), true);
});

// Covers: R33
test("a ledger that fails leaves its part to the cron run, and the answer says so", async () => {
  const person = await newPerson();
  const family = await connect(person.browser, apps.spa);
  const faults = [{ at: "LEDGER", fail: "before" }];
  const answer = await act(`/users/${person.user}/suspend`, { reason: "x" }, { faults });
  const { status, consents_left } = await answer.json();
  assert.deepEqual([answer.status, status, consents_left], [202, "suspended", 1]);
  await latchkey.runSchedule();
  await isDead(apps.spa, family);
  assert.equal(await latchkey.count("consents", "user_id = ? AND status <> 'revoked'", person.user), 0);
});

// Covers: R11, R24
test("an app loses all it was given within ten seconds, and no other app anything", async () => {
  const app = await newApp(latchkey);
  const [one, two] = [await newPerson(), await newPerson()];
  const families = [await connect(one.browser, app), await connect(two.browser, app)];
  const others = await connect(one.browser, apps.spa);
  const answer = await act(`/apps/${app.client_id}/revoke`, { reason: "leaked" });
  assert.deepEqual([answer.status, await answer.json()], [200, { consents_left: 0 }]);
  for (const family of families) await isDead(app, family);
  assert.equal(await isActive(others), true);
  await sleep(9000);
  const again = await connect(one.browser, app);
  assert.equal(await isActive(again), true);
  await latchkey.runSchedule();
  assert.equal(await isActive(again), true);
  assert.ok(claimsOf(again.access_token).latchkey);
});

// Covers: R11
test("the apps of a developer account lose everything at once", async () => {
  const app = await newApp(latchkey);
  const person = await newPerson();
  const family = await connect(person.browser, app);
  const [{ developer_id }] = await latchkey.rows("SELECT developer_id FROM apps WHERE client_id = ?", app.client_id);
  const [rival] = await latchkey.rows("SELECT client_id FROM apps WHERE developer_id <> ? LIMIT 1", developer_id);
  assert.equal((await act(`/developers/${developer_id}/revoke`)).status, 200);
  await isDead(app, family);
  assert.equal((await latchkey.rows("SELECT epoch FROM apps WHERE client_id = ?", rival.client_id))[0].epoch, 1);
});

test("nothing is left of whoever is erased, in no table", async () => {
  const person = await newPerson();
  const family = await connect(person.browser, apps.spa);
  const name = `Zaphod ${person.username} Unmistakable`;
  await latchkey.run("UPDATE users SET name = ?1, account_name = ?1 || '@example.com' WHERE id = ?2", name, person.user);
  const refused = await act(`/users/${person.user}/erase`, { confirm: "usr_somebody" });
  assert.equal(refused.status, 400);
  const answer = await act(`/users/${person.user}/erase`, { confirm: person.user });
  assert.equal(answer.status, 200, await answer.clone().text());
  await isDead(apps.spa, family);
  const tables = await latchkey.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*'");
  for (const { name: table } of tables) {
    const text = JSON.stringify(await latchkey.rows(`SELECT * FROM "${table}"`));
    assert.ok(!text.includes("Unmistakable"), table);
  }
  assert.equal((await latchkey.rows("SELECT username FROM users WHERE id = ?", person.user))[0].username, person.user);
});

// Covers: R24, R74
test("every list of the console is answered by D1, page by page", async () => {
  const person = await newPerson();
  await act(`/users/${person.user}/revoke`, { reason: "asked" });
  for (const path of [
    "/users",
    "/users?search=u&limit=1",
    `/users?search=${person.user}`,
    `/users/${person.user}`,
    "/apps?limit=2",
    "/apps?search=a&status=approved&class=portal&limit=1",
    `/apps/${apps.spa.client_id}`,
    "/developers?limit=1",
    "/developers?search=n",
    "/developers/dev_northwind",
    "/audit?limit=1",
    "/audit?event=user.",
    `/audit?user_id=${person.user}`,
    `/audit?actor=usr_${administrator}&event=user.revoked&limit=1`,
    `/audit?search=${person.user}`,
    `/audit?search=${person.user}&event=user.&from=2020-01-01&to=2100-01-01`,
    "/audit?from=2020-01-01&event=nothing",
  ]) {
    const answer = await ask(path);
    assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
    const { next_cursor } = await answer.json();
    if (!next_cursor) continue;
    const next = await ask(`${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(next_cursor)}`);
    assert.equal(next.status, 200, `${path}: ${await next.clone().text()}`);
  }
  const lines = (await (await ask("/audit.ndjson")).text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.some(({ event, target }) => event === "user.revoked" && target.id === person.user));
  for (const page of ["users", `users/${person.user}`, "apps", `apps/${apps.spa.client_id}`, "developers", "developers/dev_northwind", "audit"])
    assert.equal((await console_.request(`/admin/${page}`)).status, 200, page);
});
