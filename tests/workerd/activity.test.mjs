// What happened in an account, as its user reads it: from real storage, with the names that the platform has for countries.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectNotStored, expectPageHeaders, expectRefusal } from "./support/expect.mjs";
import { ISSUER, rowsRead, startLatchkey, trips } from "./support/harness.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { apps, newUser } from "./support/platform.mjs";

const PAGE = "/account/activity";
const API = "/api/user/activity";

const latchkey = await startLatchkey();
const { redeem, tokens, connect } = oauthClient(latchkey);

const newPerson = async () => {
  const username = await newUser(latchkey);
  return { id: `usr_${username}`, browser: await signedIn(latchkey, username) };
};
const activity = async (browser) => (await browser.request(API)).json();

// So many sign-ins of this user, from these countries in turn.
const giveSignIns = (user, count, countries = ["DE"]) =>
  latchkey.run(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
     INSERT INTO audit (id, at, event, actor_type, actor_id, user_id, target_type, target_id, country)
     SELECT 'evt_' || ?1 || n, 1700000000000 + n, 'session.started', 'user', ?1, ?1, 'session', 'ses_' || n, ?3 ->> (n % json_array_length(?3))
     FROM numbers`,
    user,
    count,
    JSON.stringify(countries),
  );

// Covers: R74
test("what a user connects, loses and takes back is told to them and to nobody else", async () => {
  const [alice, ben] = [await newPerson(), await newPerson()];
  const grant = await alice.browser.connect(apps.spa);
  await tokens(await redeem(grant));
  const reused = await redeem(grant);
  await expectRefusal(reused, "invalid_grant");
  const [{ consent_id }] = await (await alice.browser.request("/api/user/connected-apps")).json();
  const init = { method: "DELETE", headers: { origin: ISSUER } };
  const ended = await alice.browser.request(`/api/user/connected-apps/${consent_id}`, init);
  await latchkey.ringLedgers();

  const told = await activity(alice.browser);
  assert.deepEqual(
    told.map(({ event, by, consent_id: of }) => [event, by, of === null || of === consent_id]).toSorted(),
    [
      ["code.reused", "app", true],
      ["consent.ended", "user", true],
      ["consent.granted", "user", true],
      ["session.started", "user", true],
    ],
  );
  assert.deepEqual((await activity(ben.browser)).map(({ event }) => event), ["session.started"]);
  const page = await alice.browser.open(PAGE);
  expectPageHeaders(page.answer);
  expectNotStored(page.answer);
  assert.equal(page.scripts, 0);
  for (const words of [/You disconnected Spa App/, /Somebody may have copied a key/, /You connected Spa App/, /You signed in/])
    assert.match(page.text, words);

  const rows = await latchkey.rows("SELECT event, request_id, country, address_hash FROM audit WHERE user_id = ?", alice.id);
  const of = (name) => rows.find(({ event }) => event === name);
  assert.equal(of("code.reused").request_id, reused.headers.get("x-request-id"));
  assert.equal(of("consent.ended").request_id, ended.headers.get("x-request-id"));
  const { country, address_hash } = of("session.started");
  for (const name of ["code.reused", "consent.ended"])
    assert.deepEqual([of(name).country, of(name).address_hash], [country, address_hash], name);
});

// Covers: R73
test("countries are called as people call them, and what is none is left out", async () => {
  const { id, browser } = await newPerson();
  await giveSignIns(id, 4, ["DE", "T1", "XX", "no country"]);
  for (const [locale, name] of [
    ["en", "Germany"],
    ["de", "Deutschland"],
    ["es", "Alemania"],
    ["ja", "ドイツ"],
    ["ar", "ألمانيا"],
  ]) {
    const page = await browser.open(PAGE, { headers: { "accept-language": locale } });
    assert.ok(page.text.includes(name), `${locale}: ${page.text}`);
    for (const none of ["T1", "XX", "no country"]) assert.ok(!page.text.includes(none), `${locale}: ${none}`);
  }
});

// Covers: R74
test("a page of a long part, among many others', reads no more rows than one of a short part", async (t) => {
  const [few, many, others] = [await newPerson(), await newPerson(), await newPerson()];
  await giveSignIns(few.id, 60);
  await giveSignIns(others.id, 3000);
  await giveSignIns(many.id, 3000);
  const measure = async ({ browser }, path) => {
    const answer = await browser.request(path);
    assert.equal(answer.status, 200);
    assert.equal(trips(answer)["DB.batch"] ?? 0, 2, JSON.stringify(trips(answer)));
    return rowsRead(answer);
  };
  for (const path of [API, PAGE]) {
    const [withFew, withMany] = [await measure(few, path), await measure(many, path)];
    t.diagnostic(`${path}: ${withMany} rows read, ${withFew} where there are 60`);
    assert.equal(withMany, withFew);
  }
});
