// Notices as other people's servers receive them: over HTTP, checked with the reference library.
import assert from "node:assert/strict";
import test from "node:test";
import { Webhook } from "standardwebhooks";
import { signedIn } from "./support/browser.mjs";
import { expectRefusal } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apps, atItsSite, newUser } from "./support/platform.mjs";
import { startReceiver } from "./support/receiver.mjs";

const latchkey = await startLatchkey();
const { connect, refresh, tokens } = oauthClient(latchkey);
const ACCOUNT = "/api/developer/accounts/dev_northwind";

const username = await newUser(latchkey);
await latchkey.run(
  "INSERT INTO developer_members (developer_id, user_id, role) VALUES ('dev_northwind', ?, 'member')",
  `usr_${username}`,
);
const developer = await signedIn(latchkey, username);

async function call(method, path, body) {
  const headers = { origin: ISSUER, "content-type": "application/json" };
  const answer = await developer.request(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
}
async function webhook(events) {
  const receiver = await startReceiver();
  const made = await call("POST", `${ACCOUNT}/webhooks`, { url: receiver.url, events });
  assert.equal(made.status, 201);
  const at = `${ACCOUNT}/webhooks/${made.body.id}`;
  const deliveries = async () => (await call("GET", `${at}/deliveries`)).body.items;
  return { ...made.body, receiver, at, deliveries };
}
// The minute that is over, with every wait for another attempt. What is under way stays claimed.
const WAITING = "next_attempt_at IS NOT NULL AND claim IS NULL";
async function minute() {
  await latchkey.run(`UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE ${WAITING}`);
  await latchkey.worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
}
const nobodyElse = async () => {
  const name = await newUser(latchkey);
  return { user: `usr_${name}`, browser: await signedIn(latchkey, name) };
};
const settled = (deliveries, count) =>
  waitFor(async () => (await deliveries()).filter(({ attempts }) => attempts.length >= count).length > 0);
async function waitFor(holds) {
  for (let waited = 0; !(await holds()); waited += 50) {
    assert.ok(waited < 10_000, "not within ten seconds");
    await new Promise((done) => setTimeout(done, 50));
  }
}

test("a consent is told right after the decision, signed so that the reference library agrees", async () => {
  const { receiver, secret, at } = await webhook(["consent.granted"]);
  const { user, browser } = await nobodyElse();
  await connect(browser, apps.partner, atItsSite);
  const [told, ...more] = await receiver.take(1);
  assert.deepEqual(more, []);
  assert.deepEqual([told.method, told.url, told.headers["content-type"]], ["POST", "/hook", "application/json"]);
  const payload = new Webhook(secret).verify(told.body, told.headers);
  assert.equal(payload.type, "consent.granted");
  assert.ok(Math.abs(Date.parse(payload.timestamp) - Date.now()) < 60_000);
  const [{ id: consent_id }] = await latchkey.rows("SELECT id FROM consents WHERE user_id = ?", user);
  const { scopes, added_scopes, ...data } = payload.data;
  assert.deepEqual(data, {
    actor: { type: "user" },
    client_id: apps.partner.client_id,
    developer_id: "dev_northwind",
    user_id: user,
    consent_id,
  });
  assert.ok(scopes.length > 0);
  assert.deepEqual(added_scopes, scopes);

  for (const changed of [
    { body: told.body.replace("consent.granted", "consent.grantes") },
    { headers: { ...told.headers, "webhook-id": "evt_other" } },
    { headers: { ...told.headers, "webhook-timestamp": `${Number(told.headers["webhook-timestamp"]) + 1}` } },
  ])
    assert.throws(() => new Webhook(secret).verify(changed.body ?? told.body, changed.headers ?? told.headers));

  // Agreed to once more, it is nothing new, and not told.
  await connect(browser, apps.partner, atItsSite);
  await minute();
  assert.deepEqual(receiver.received, []);
  assert.equal((await call("DELETE", at)).status, 204);
});

test("what the ledger notices is told with the next run: a refresh token that came twice, a consent that ended", async () => {
  const { receiver, secret, at } = await webhook(["refresh_token.reused", "consent.ended"]);
  const { user, browser } = await nobodyElse();
  const first = await connect(browser, apps.spa);
  const second = await tokens(await refresh(apps.spa, first.refresh_token));
  await tokens(await refresh(apps.spa, second.refresh_token));
  await latchkey.age(120_000);
  await expectRefusal(await refresh(apps.spa, first.refresh_token), "invalid_grant");
  await browser.request("/api/user/connected-apps?all=true", { method: "DELETE", headers: { origin: ISSUER } });
  await latchkey.ringLedgers();
  await minute();
  const told = (await receiver.take(1)).map(({ body, headers }) => new Webhook(secret).verify(body, headers));
  const [{ type, data }] = told;
  assert.deepEqual([type, data.user_id, data.developer_id], ["refresh_token.reused", user, "dev_northwind"]);
  assert.equal((await call("DELETE", at)).status, 204);
});

test("an endpoint that answers 500, then hangs, then redirects gets the notice once more each time, until it takes it", async () => {
  const { receiver, secret, at, deliveries } = await webhook(["consent.granted"]);
  const elsewhere = await startReceiver();
  // The local runtime makes a failure of its own of a redirect that answers a body; one to nowhere comes through.
  const redirects = [{ status: 302 }, { status: 307, headers: { location: elsewhere.url } }];
  receiver.answer({ status: 500 }, { hangs: true }, ...redirects);
  const { browser } = await nobodyElse();
  await connect(browser, apps.spa);
  await settled(deliveries, 1);
  for (let attempt = 2; attempt <= 5; attempt++) {
    await minute();
    await settled(deliveries, attempt);
  }
  const came = await receiver.take(5);
  assert.deepEqual([came.length, elsewhere.received.length], [5, 0]);
  assert.equal(new Set(came.map(({ headers }) => headers["webhook-id"])).size, 1);
  for (const { body, headers } of came) new Webhook(secret).verify(body, headers);
  const [{ status, attempts }] = await deliveries();
  assert.equal(status, "delivered");
  const outcomes = attempts.map(({ number, status, error }) => [number, status, error]);
  assert.deepEqual(outcomes.toSpliced(3, 1), [
    [1, 500, "refused_by_endpoint"],
    [2, null, "no_answer"],
    [3, 302, "redirect_not_followed"],
    [5, 204, null],
  ]);
  assert.notEqual(attempts[3].error, null);
  const [, { duration_ms }] = attempts;
  assert.ok(duration_ms >= 4900 && duration_ms < 8000, `${duration_ms}`);
  assert.equal((await call("DELETE", at)).status, 204);
});

test("runs at once send one notice once", async () => {
  const { receiver, at, deliveries } = await webhook(["consent.granted"]);
  receiver.answer({ status: 500 });
  const { browser } = await nobodyElse();
  await connect(browser, apps.spa);
  await settled(deliveries, 1);
  await receiver.take(1);
  await latchkey.run(`UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE ${WAITING}`);
  const run = () => latchkey.worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
  await Promise.all([run(), run(), run(), run(), run()]);
  assert.equal((await receiver.take(1)).length, 1);
  assert.equal((await call("DELETE", at)).status, 204);
});

test("after a new secret both sign, and a test and a replay arrive", async () => {
  const { receiver, secret, at, deliveries } = await webhook(["app.approved"]);
  const rotated = await call("POST", `${at}/secret`);
  assert.equal(rotated.status, 200);
  assert.notEqual(rotated.body.secret, secret);
  assert.equal((await call("POST", `${at}/test`)).status, 202);
  const [told] = await receiver.take(1);
  for (const one of [secret, rotated.body.secret])
    assert.equal(new Webhook(one).verify(told.body, told.headers).type, "webhook.tested");
  await settled(deliveries, 1);
  const [{ id, event_id }] = await deliveries();
  assert.equal(told.headers["webhook-id"], event_id);
  assert.equal((await call("POST", `${at}/deliveries/${id}/replay`)).status, 202);
  const [again] = await receiver.take(1);
  assert.deepEqual([again.body, again.headers["webhook-id"]], [told.body, event_id]);
  const { body } = await call("GET", `${at}/deliveries/${id}`);
  assert.deepEqual(body.payload, JSON.parse(told.body));
  assert.equal((await call("DELETE", at)).status, 204);
});

test("an endpoint that is gone is switched off, and gets nothing until it is switched on", async () => {
  const { receiver, id, at } = await webhook(["consent.granted"]);
  receiver.answer({ status: 410 });
  const { browser } = await nobodyElse();
  await connect(browser, apps.spa);
  await receiver.take(1);
  await waitFor(async () => (await call("GET", at)).body.status === "disabled");
  const [disabled] = await latchkey.rows("SELECT * FROM audit WHERE event = 'webhook.disabled' AND target_id = ?", id);
  assert.deepEqual([disabled.developer_id, JSON.parse(disabled.detail)], ["dev_northwind", { reason: "gone" }]);
  await connect((await nobodyElse()).browser, apps.spa);
  await minute();
  assert.deepEqual(receiver.received, []);
  assert.equal((await call("PATCH", at, { status: "active" })).body.status, "active");
  await connect((await nobodyElse()).browser, apps.spa);
  assert.equal((await receiver.take(1)).length, 1);
  assert.equal((await call("DELETE", at)).status, 204);
});

test("one endpoint that hangs keeps no other waiting", async () => {
  const slow = await webhook(["consent.granted"]);
  const quick = await webhook(["consent.granted"]);
  slow.receiver.answer(...Array(8).fill({ hangs: true }));
  for (let person = 0; person < 3; person++) await connect((await nobodyElse()).browser, apps.spa);
  await minute();
  assert.equal((await quick.receiver.take(3)).length, 3);
  for (const { at } of [slow, quick]) assert.equal((await call("DELETE", at)).status, 204);
});
