// Invariant 8: storage down means a retry, never a wrong answer.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorRedirect, expectNothingInside, expectRefusal, expectTryAgain, expectTryAgainPage } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient, postAs } from "./support/oauth.mjs";
import { apis, apps, atItsSite, CALLBACK, newApp, newUser } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, revoke, introspect, tokens, connect } = oauthClient(latchkey);
const newBrowser = async () => signedIn(latchkey, await newUser(latchkey));
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;

const down = (at, more) => [{ at, fail: "before", ...more }];
const replyLost = (at, more) => [{ at, fail: "after", ...more }];
const once = { times: 1 };

// Covers: R49
test("token, code: what cannot be judged now is not burned", async (t) => {
  const cases = {
    "ledger down": down("LEDGER"),
    "KV and database down": [...down("KV"), ...down("DB")],
    "KV misses and database down": [{ at: "KV.get", answer: null }, ...down("DB")],
    "everything down": down("*"),
  };
  for (const [name, faults] of Object.entries(cases)) {
    await t.test(name, async () => {
      const grant = await (await newBrowser()).connect(apps.spa);
      await expectTryAgain(await redeem(grant, {}, { faults }));
      assert.equal(await isActive(await tokens(await redeem(grant))), true);
    });
  }
});

// Covers: R49
test("token, code: a KV that fails, lags or forgot costs no code", async (t) => {
  const cases = {
    failing: down("KV.get", { match: "code:" }),
    "failing when it has answered": replyLost("KV.get", { match: "code:" }),
    empty: [{ at: "KV.get", match: "code:", answer: null }],
    slow: [{ at: "KV.get", match: "code:", delayBefore: 1500 }],
  };
  for (const [name, faults] of Object.entries(cases)) {
    await t.test(name, async () => {
      const grant = await (await newBrowser()).connect(apps.spa);
      assert.equal(await isActive(await tokens(await redeem(grant, {}, { faults }))), true);
    });
  }
});

// Covers: R49
test("token, code: neither a KV that still has a redeemed code nor a database that has gives it to anybody", async (t) => {
  const cases = { "KV is behind": undefined, "only the database answers": down("KV.get", { match: "code:" }) };
  for (const [name, faults] of Object.entries(cases)) {
    await t.test(name, async () => {
      const grant = await (await newBrowser()).connect(apps.spa);
      const first = await tokens(await redeem(grant, {}, { faults }));
      await expectRefusal(await redeem(grant, {}, { faults }), "invalid_grant");
      assert.equal(await isActive(first), false);
    });
  }
});

// Covers: R50
test("token, refresh: neither a database nor a KV that is down matters", async () => {
  const { refresh_token } = await connect(await newBrowser(), apps.spa);
  await refresh(apps.spa, "lkr_the app's record is read again if that is due");
  const faults = [...down("KV"), ...down("DB")];
  const next = await tokens(await refresh(apps.spa, refresh_token, {}, { faults }));
  await tokens(await refresh(apps.spa, next.refresh_token));
});

test("token, code: a reply of the ledger that was lost is asked for again, and the tokens live", async () => {
  for (const faults of [replyLost("LEDGER", once), down("LEDGER", once)]) {
    const grant = await (await newBrowser()).connect(apps.spa);
    const got = await tokens(await redeem(grant, {}, { faults }));
    assert.equal(await isActive(got), true);
    await tokens(await refresh(apps.spa, got.refresh_token));
  }
});

test("token, code: when every reply is lost nothing is claimed", async () => {
  const grant = await (await newBrowser()).connect(apps.spa);
  await expectTryAgain(await redeem(grant, {}, { faults: replyLost("LEDGER") }));
});

// The last thing a redemption or a refresh writes is that the consent was used.
test("token: a ledger that breaks off between two writes has written neither", async () => {
  const browser = await newBrowser();
  const family = await connect(browser, apps.spa, atItsSite);
  const grant = await browser.connect(apps.spa, atItsSite);
  const everyLedger = async (sql) => {
    for (const id of await latchkey.worker.listDurableObjectIds("LEDGER"))
      await (await latchkey.worker.getDurableObjectStorage("LEDGER", { id })).exec(sql);
  };
  const kept = async (table) => {
    const all = [];
    for (const id of await latchkey.worker.listDurableObjectIds("LEDGER"))
      all.push(await (await latchkey.worker.getDurableObjectStorage("LEDGER", { id })).exec(`SELECT * FROM ${table}`));
    return JSON.stringify(all);
  };
  const before = [await kept("codes"), await kept("families")];
  await everyLedger("CREATE TRIGGER broken BEFORE INSERT ON consent_use BEGIN SELECT RAISE(ABORT, 'injected'); END");
  await expectTryAgain(await redeem(grant));
  await expectTryAgain(await refresh(apps.spa, family.refresh_token));
  assert.deepEqual([await kept("codes"), await kept("families")], before);
  await everyLedger("DROP TRIGGER broken");
  await tokens(await redeem(grant));
  await tokens(await refresh(apps.spa, family.refresh_token));
});

// Covers: R50, B26
test("token, refresh: neither a ledger that is down nor a lost reply costs the refresh token", async (t) => {
  const cases = { down: down("LEDGER"), "every reply lost": replyLost("LEDGER") };
  for (const [name, faults] of Object.entries(cases)) {
    await t.test(name, async () => {
      const first = await connect(await newBrowser(), apps.spa);
      await expectTryAgain(await refresh(apps.spa, first.refresh_token, {}, { faults }));
      const second = await tokens(await refresh(apps.spa, first.refresh_token));
      await tokens(await refresh(apps.spa, second.refresh_token));
    });
  }
  await t.test("one reply lost", async () => {
    const first = await connect(await newBrowser(), apps.spa);
    const second = await tokens(
      await refresh(apps.spa, first.refresh_token, {}, { faults: replyLost("LEDGER", once) }),
    );
    await tokens(await refresh(apps.spa, second.refresh_token));
  });
});

test("token: an app that cannot be looked up is not called unknown", async () => {
  const app = await newApp(latchkey);
  await expectTryAgain(await refresh(app, "lkr_x", {}, { faults: down("DB") }));
  await expectRefusal(await refresh(app, "lkr_x"), "invalid_grant");
});

test("introspection: a ledger that is down is neither yes nor no", async () => {
  const family = await connect(await newBrowser(), apps.web);
  for (const faults of [down("LEDGER"), replyLost("LEDGER")]) {
    for (const token of [family.access_token, family.refresh_token])
      await expectTryAgain(await introspect(apps.web, token, {}, { faults }));
    await expectTryAgain(await introspect(apis.projects.credential, family.access_token, {}, { faults }));
  }
  assert.equal(await isActive(family), true);
});

test("introspection: a caller that cannot be looked up is asked to come again", async () => {
  const caller = { client_id: "apc_new", secret: "lka_new", method: "basic" };
  await expectTryAgain(await introspect(caller, "x", {}, { faults: down("DB") }));
});

// Rule: REV 6
test("revocation: only what is done is acknowledged", async () => {
  const family = await connect(await newBrowser(), apps.spa);
  await expectTryAgain(await revoke(apps.spa, family.refresh_token, {}, { faults: down("LEDGER") }));
  assert.equal(await isActive(family), true);
  await expectTryAgain(await revoke(apps.spa, family.refresh_token, {}, { faults: replyLost("LEDGER") }));
  assert.equal((await revoke(apps.spa, family.refresh_token)).status, 200);
  await expectRefusal(await refresh(apps.spa, family.refresh_token), "invalid_grant");
});

// Covers: B10
test("authorize: before the redirect is trusted the user sees a page", async () => {
  const { url } = authorizationRequest(await newApp(latchkey));
  await expectTryAgainPage(await latchkey.fetch(url, { faults: down("DB") }));
  assert.equal((await latchkey.fetch(url)).status, 303);
});

// Covers: B10
// Rule: AUTHZ 36
test("authorize: once the redirect is trusted the app is told", async () => {
  const browser = await newBrowser();
  const { url } = authorizationRequest(apps.spa, { state: "kept" });
  await browser.request(url);
  const answer = await browser.request(url, { faults: down("DB") });
  expectErrorRedirect(answer, { redirect_uri: CALLBACK, error: "temporarily_unavailable", state: "kept" });
});

async function consentPage() {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const page = await browser.authorize(authorizationRequest(apps.spa).url);
  return { browser, page, consents: () => latchkey.count("consents", "user_id = ?", `usr_${username}`) };
}
const codes = () => latchkey.count("authorization_codes");

// Covers: B17, B20
test("decision: with the database down the user may try again, and is never said to have refused", async (t) => {
  for (const button of ["allow", "deny"]) {
    await t.test(button, async () => {
      const { browser, page, consents } = await consentPage();
      const before = await codes();
      const failed = await browser.submit(page.forms[0], { button, faults: down("DB") });
      await expectTryAgainPage(failed.answer);
      assert.deepEqual([await codes(), await consents()], [before, 0]);
      assert.equal(failed.forms.length, 1, "a form to try again with");

      const { leaves } = await browser.submit(failed.forms[0], { button });
      assert.equal(leaves.searchParams.has("code"), button === "allow");
      assert.equal(leaves.searchParams.get("error"), button === "allow" ? null : "access_denied");
    });
  }
});

// Covers: B17, B20
test("decision: a commit whose reply was lost is read back, and there is one code", async () => {
  const { browser, page, consents } = await consentPage();
  const before = await codes();
  const { leaves } = await browser.allow(page, { faults: replyLost("DB.batch", once) });
  assert.ok(leaves?.searchParams.get("code"));
  assert.deepEqual([await codes(), await consents()], [before + 1, 1]);
});

test("decision: when no reply comes back the next try gets the code of the first", async () => {
  const { browser, page, consents } = await consentPage();
  const before = await codes();
  const failed = await browser.allow(page, { faults: replyLost("DB") });
  await expectTryAgainPage(failed.answer);
  const { leaves } = await browser.allow(page);
  assert.ok(leaves?.searchParams.get("code"));
  assert.deepEqual([await codes(), await consents()], [before + 1, 1]);
});

test("decision: a KV that fails is no error, and the code is good", async () => {
  for (const faults of [down("KV.put"), replyLost("KV.put")]) {
    const browser = await newBrowser();
    const { url, ...flow } = authorizationRequest(apps.spa);
    const { leaves } = await browser.allow(await browser.authorize(url), { faults });
    await tokens(await redeem({ ...flow, code: leaves.searchParams.get("code") }));
  }
});

test("pages: with the database down people are asked to try again, and are not signed out", async (t) => {
  for (const path of ["/account/apps", "/oauth/consent?request_id="]) {
    await t.test(path, async () => {
      const browser = await newBrowser();
      const target = path.endsWith("=") ? (await browser.authorize(authorizationRequest(apps.spa).url)).url : path;
      const cookies = [...browser.cookies];
      await expectTryAgainPage(await browser.request(target, { faults: down("DB") }));
      assert.deepEqual([...browser.cookies], cookies);
      assert.equal((await browser.request(target)).status, 200);
    });
  }
  await t.test("sign-in", async () => {
    const browser = new Browser(latchkey);
    const { forms } = await browser.open("/login");
    const failed = await browser.submit(forms[0], { fields: { username: "alice" }, faults: down("DB") });
    await expectTryAgainPage(failed.answer);
  });
});

test("the list of connected apps is not empty because the database is down", async () => {
  const browser = await newBrowser();
  const answer = await browser.request("/api/user/connected-apps", { faults: down("DB") });
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
  assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
});

test("with everything down the metadata still answers, and the health check says so", async () => {
  const ask = (path) => latchkey.fetch(path, { faults: down("*") });
  assert.equal((await ask("/.well-known/oauth-authorization-server")).status, 200);
  assert.equal((await ask("/healthz")).status, 503);
});

test("no answer tells what broke", async () => {
  const family = await connect(await newBrowser(), apps.spa);
  const answers = [
    await refresh(apps.spa, family.refresh_token, {}, { faults: down("LEDGER") }),
    await postAs(latchkey, "/oauth/revoke", apps.spa, { token: family.refresh_token }, { faults: down("LEDGER") }),
    await latchkey.fetch(authorizationRequest(await newApp(latchkey)).url, { faults: down("DB") }),
  ];
  for (const answer of answers) expectNothingInside(await answer.text());
});
