// What happens at the same time. LATCHKEY_RACES: how many races of the kind whose outcome is a matter of luck
// (`make scale` asks for a thousand).
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, apps, atItsSite, newUser } from "./support/platform.mjs";

const RACES = Number(process.env.LATCHKEY_RACES ?? 40);
const LANES = 4;
// Milliseconds; about as long as a call takes here, so that anything may overtake anything.
const LONGEST_DELAY = 30;

const latchkey = await startLatchkey();
const { redeem, refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);

const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const expectDead = async (client, { access_token, refresh_token }, why) => {
  assert.equal(await isActive({ access_token }), false, `introspects as active: ${why}`);
  const answer = await refresh(client, refresh_token);
  assert.equal(answer.status, 400, `refreshes: ${why}: ${await answer.text()}`);
};

const drawn = () => Math.floor(Math.random() * LONGEST_DELAY);
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
// A request that starts some time soon, with a ledger that is slow to hear or slow to answer.
const sometime = async (ask) => {
  await sleep(drawn());
  return ask({ faults: [{ at: "LEDGER", [Math.random() < 0.5 ? "delayBefore" : "delayAfter"]: drawn() }] });
};

// The same, `times` times over several lanes.
const repeat = (times, once) => {
  let begun = 0;
  const lane = async () => {
    while (begun < times) await once(begun++);
  };
  return Promise.all(Array.from({ length: LANES }, lane));
};

const consentOf = async (browser, { name }) => {
  const rows = await (await browser.request("/api/user/connected-apps")).json();
  return rows.find((row) => row.name === name).consent_id;
};

// Both ways to end a connection, and what of it they end.
const ends = {
  "the app revokes its refresh token": (client, { family }) => ({
    end: (options) => revoke(client, family.refresh_token, {}, options),
    endsCode: false,
  }),
  "the user takes the consent back": (client, { browser, consent }) => ({
    end: (options) =>
      browser.request(`/api/user/connected-apps/${consent}`, { method: "DELETE", headers: { origin: ISSUER }, ...options }),
    endsCode: true,
  }),
};

for (const [how, prepare] of Object.entries(ends)) {
  test(`when ${how}, no refresh and no redemption on the way brings a token that outlives it`, async (t) => {
    const outcomes = { refreshed: 0, redeemed: 0 };
    await repeat(Math.ceil(RACES / 2), async (number) => {
      const client = number % 2 ? apps.web : apps.spa;
      const browser = await signedIn(latchkey, await newUser(latchkey));
      const family = await connect(browser, client, atItsSite);
      const consent = await consentOf(browser, client);
      const waiting = await browser.connect(client, atItsSite);
      const { end, endsCode } = prepare(client, { browser, family, consent });

      const acknowledged = async (options) => {
        const answer = await end(options);
        assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
        assert.equal(await isActive(family), false, "what was revoked is active after the acknowledgement");
      };
      const [, refreshed, redeemed] = await Promise.all([
        sometime(acknowledged),
        sometime((options) => refresh(client, family.refresh_token, {}, options)),
        sometime((options) => redeem(waiting, {}, options)),
      ]);

      await expectDead(client, family, "what was revoked");
      if (refreshed.status === 200) {
        outcomes.refreshed++;
        await expectDead(client, await tokens(refreshed), "what a refresh brought meanwhile");
      } else assert.equal(refreshed.status, 400);
      if (redeemed.status === 200) {
        outcomes.redeemed++;
        if (endsCode) await expectDead(client, await tokens(redeemed), "what a code brought meanwhile");
        else assert.equal(await isActive(await tokens(redeemed)), true, "another connection is none of its business");
      } else assert.ok(endsCode && redeemed.status === 400, String(redeemed.status));
    });
    // Both ought to win and to lose, else nothing raced; a matter of luck, so it is said and not asserted.
    t.diagnostic(JSON.stringify(outcomes));
  });
}

// Covers: R50, B26
test("200 refreshes of one token at once bring one successor, and sign nobody out", async () => {
  for (const client of [apps.spa, apps.web]) {
    const first = await connect(await signedIn(latchkey, await newUser(latchkey)), client);
    const answers = await Promise.all(Array.from({ length: 200 }, () => refresh(client, first.refresh_token)));
    const successors = new Set();
    for (const answer of answers) successors.add((await tokens(answer)).refresh_token);
    assert.equal(successors.size, 1);
    const [successor] = successors;
    const next = await tokens(await refresh(client, successor));
    assert.notEqual(next.refresh_token, successor);
    assert.equal(await isActive(next), true);
  }
});

const SLOW_DATABASE = [{ at: "DB.batch", delayBefore: 20 }];
const consentsOf = (username) => latchkey.rows("SELECT * FROM consents WHERE user_id = ?", `usr_${username}`);
const codeIn = ({ leaves }) => leaves.searchParams.get("code");

// Each page draws a shard of its own for the consent to come; one of them counts.
// Covers: R44, B20
test("one request open in two tabs that decide at once: one consent, one shard, the same code", async () => {
  for (let round = 0; round < 8; round++) {
    const username = await newUser(latchkey);
    const browser = await signedIn(latchkey, username);
    const request = authorizationRequest(apps.spa);
    const one = await browser.authorize(request.url);
    const other = await browser.open(one.url);
    assert.notEqual(one.forms[0].value("request"), other.forms[0].value("request"));
    const answers = await Promise.all([one, other].map((page) => browser.allow(page, { faults: SLOW_DATABASE })));
    assert.equal(codeIn(answers[0]), codeIn(answers[1]));
    assert.equal((await consentsOf(username)).length, 1);
    const { refresh_token } = await tokens(await redeem({ ...request, code: codeIn(answers[0]) }));
    await tokens(await refresh(apps.spa, refresh_token));
  }
});

test("two requests of one site decided at once: one consent, and both codes are good at its shard", async () => {
  for (let round = 0; round < 8; round++) {
    const username = await newUser(latchkey);
    const browser = await signedIn(latchkey, username);
    const requests = [authorizationRequest(apps.spa, atItsSite), authorizationRequest(apps.spa, atItsSite)];
    const pages = [];
    for (const { url } of requests) pages.push(await browser.authorize(url));
    const answers = await Promise.all(pages.map((page) => browser.allow(page, { faults: SLOW_DATABASE })));
    const [consent, ...more] = await consentsOf(username);
    assert.deepEqual(more, []);
    for (const [index, request] of requests.entries()) {
      const family = await tokens(await redeem({ ...request, code: codeIn(answers[index]) }));
      const ended = () => browser.request(`/api/user/connected-apps/${consent.id}`, { method: "DELETE", headers: { origin: ISSUER } });
      assert.equal(await isActive(family), true);
      if (index === 1) {
        assert.ok((await ended()).ok);
        await expectDead(apps.spa, family, "the second, after the one consent was taken back");
      }
    }
  }
});
