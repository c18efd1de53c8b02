import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import test from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { visitSite } from "../../examples/platform-login/src/site.js";
import { Browser } from "./support/browser.mjs";
import { expectErrorPage } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, apps } from "./support/platform.mjs";

const SIGN_IN = "https://sign-in.test";
const SESSION = "__Host-latchkey_session";

const latchkey = await startLatchkey();
const { tokens, redeem, introspect } = oauthClient(latchkey);

const keyPair = async (kid, alg = "ES256") => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, alg, kid, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
};
const [own, ps256, eddsa, rs256, stranger, unlisted] = await Promise.all([
  keyPair("own"),
  keyPair("ps256", "PS256"),
  keyPair("eddsa", "EdDSA"),
  keyPair("rs256", "RS256"),
  keyPair("own"),
  keyPair("unlisted"),
]);

const connect = (id, issuer, keys, subject_is_user_id = 0) =>
  latchkey.run(
    `INSERT INTO connections (id, kind, name, domain_level, issuer, login_url, jwks, subject_is_user_id, created_at)
     VALUES (?, 'hand_off', ?, 1, ?, ?, ?, ?, 0)`,
    id,
    `${id} account`,
    issuer,
    `${issuer}/login`,
    JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }),
    subject_is_user_id,
  );
await connect("con_acme", SIGN_IN, [own, ps256, eddsa, rs256], 1);
await connect("con_other", "https://other.test", [stranger]);

// The example of a platform's own page, as it runs in `make dev`.
const people = [
  { id: "usr_hedy", username: "hedy", name: "Hedy", email: "hedy@acme.test", password: "frequency" },
  { id: "usr_mary", username: "mary", name: "Mary", email: "mary@acme.test", password: "fossils" },
];
const env = {
  PLATFORM_NAME: "Acme Projects",
  ORIGIN: SIGN_IN,
  ISSUER,
  CALLBACK: `${ISSUER}/login/callback/con_acme`,
  SIGNING_KEY: JSON.stringify({ ...(await exportJWK(own.privateKey)), kid: "own" }),
  SESSION_SECRET: Buffer.alloc(32, 5).toString("base64url"),
  PEOPLE: JSON.stringify(people),
};

// Signs in on that page, in a browser that knows it or not; gives the address that leads back.
async function signInThere(link, { username = "hedy", cookies = new Map() } = {}) {
  const visit = async (init = {}) => {
    const headers = { Cookie: [...cookies].map((pair) => pair.join("=")).join("; ") };
    const response = await visitSite(new Request(link, { headers, ...init }), env);
    for (const line of response.headers.getSetCookie()) cookies.set(...line.split(";")[0].split("="));
    return response;
  };
  const page = await visit();
  if (page.status === 303) return new URL(page.headers.get("Location"));
  const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())[1];
  const { password } = people.find((person) => person.username === username);
  const body = new URLSearchParams({ csrf, username, password });
  const headers = { Cookie: [...cookies].map((pair) => pair.join("=")).join("; ") };
  const answer = await visit({ method: "POST", body, headers });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get("Location"));
}

// Begins to sign in; gives where Latchkey sends the browser.
async function begin(browser, { connection = "con_acme", to = "/account/apps" } = {}) {
  const { leaves } = await browser.open(`/login?continue=${encodeURIComponent(to)}&connection=${connection}`);
  assert.ok(leaves, "Latchkey sends the browser to the connection");
  return leaves;
}

// An assertion made by hand, good unless a test says otherwise, and the address that brings it back.
async function handMade(leaves, { claims = {}, header = {}, by = own, to = new URL(leaves.searchParams.get("continue")) } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const all = {
    iss: SIGN_IN,
    aud: ISSUER,
    sub: "usr_hedy",
    iat: now,
    exp: now + 60,
    auth_time: now,
    jti: randomUUID(),
    nonce: leaves.searchParams.get("nonce"),
    ...claims,
  };
  const jwt = new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  jwt.setProtectedHeader({ alg: by.alg, kid: by.kid, typ: "latchkey-sign-in+jwt", ...header });
  to.searchParams.set("assertion", await jwt.sign(by.privateKey));
  return to;
}

const isSignedIn = async (browser) => (await browser.request("/api/user/sessions")).status === 200;

// `error`: its name in the log, so that each forgery is refused for its own fault.
async function expectRefused(browser, back, error) {
  latchkey.takeLines();
  const answer = await browser.request(back);
  const lines = latchkey.takeLines().map((line) => JSON.parse(line));
  assert.equal(lines.find(({ route }) => route === "login_callback")?.error, error);
  await expectErrorPage(answer, answer.status === 403 ? 403 : 400);
  assert.ok(!browser.cookies.has(SESSION));
  assert.ok(!(await isSignedIn(browser)));
  return answer.text();
}

// Covers: R38, R46
test("from the app by the platform's own page to a token, for the user of that id", async () => {
  const browser = new Browser(latchkey);
  const { url, ...flow } = authorizationRequest(apps.spa);
  const chooser = await browser.open(url);
  assert.ok(chooser.attributes("a", "href").some((href) => href.includes("connection=con_acme")));
  const link = chooser.attributes("a", "href").find((href) => href.includes("connection=con_acme"));
  const { leaves } = await browser.open(link);
  assert.equal(leaves.origin + leaves.pathname, `${SIGN_IN}/login`);
  assert.ok(leaves.searchParams.get("continue").startsWith(`${env.CALLBACK}?state=`));
  const consent = await browser.open(await signInThere(leaves));
  assert.equal(consent.status, 200, consent.text);
  assert.match(consent.text, /Hedy .*hedy@acme\.test/);
  const { leaves: back } = await browser.allow(consent);
  const grant = { ...flow, code: back.searchParams.get("code") };
  const { access_token } = await tokens(await redeem(grant));
  const seen = await (await introspect(apis.projects.credential, access_token)).json();
  assert.deepEqual([seen.active, seen.sub], [true, "usr_hedy"]);
  const [session] = await (await browser.request("/api/user/sessions")).json();
  assert.equal(session.connection, "con_acme account");
});

test("each algorithm of a registered key is taken", async () => {
  for (const by of [own, ps256, eddsa, rs256]) {
    const browser = new Browser(latchkey);
    const answer = await browser.request(await handMade(await begin(browser), { by }));
    assert.equal(answer.status, 303, by.alg);
    assert.equal(answer.headers.get("location"), "/account/apps");
    assert.ok(await isSignedIn(browser));
  }
});

// Rule: ATTACK 5
test("an assertion that is forged signs nobody in", async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const cases = {
    "a stranger's key of the same name": { error: "assertion_signature", by: stranger },
    "a key of no connection": { error: "assertion_signature", by: unlisted },
    "a key it brings itself": { error: "assertion_signature", by: unlisted, header: { jwk: unlisted.jwk, kid: undefined } },
    "the key of another connection": { error: "assertion_issuer", by: stranger, claims: { iss: "https://other.test" } },
    "another issuer": { error: "assertion_issuer", claims: { iss: "https://other.test" } },
    "the issuer with a slash": { error: "assertion_issuer", claims: { iss: `${SIGN_IN}/` } },
    "no issuer": { error: "assertion_issuer", claims: { iss: undefined } },
    "another audience": { error: "assertion_audience", claims: { aud: "https://elsewhere.test" } },
    "an audience beside us": { error: "assertion_audience", claims: { aud: [ISSUER, "https://elsewhere.test"] } },
    "no audience": { error: "assertion_audience", claims: { aud: undefined } },
    "another nonce": { error: "assertion_nonce", claims: { nonce: "x" } },
    "no nonce": { error: "assertion_nonce", claims: { nonce: undefined } },
    "expired": { error: "assertion_expired", claims: { iat: now - 100, exp: now - 1 } },
    "good for an hour": { error: "assertion_lifetime", claims: { exp: now + 3600 } },
    "without an end": { error: "assertion_times", claims: { exp: undefined } },
    "from the future": { error: "assertion_future", claims: { iat: now + 300, exp: now + 360 } },
    "without a jti": { error: "assertion_jti", claims: { jti: undefined } },
    "without a subject": { error: "assertion_subject", claims: { sub: undefined } },
    "a subject that is no ASCII": { error: "assertion_subject", claims: { sub: "usr_hédy" } },
    "without auth_time": { error: "assertion_times", claims: { auth_time: undefined } },
    "another type": { error: "assertion_type", header: { typ: "JWT" } },
    "no type": { error: "assertion_type", header: { typ: undefined } },
  };
  for (const [name, { error, ...forged }] of Object.entries(cases)) {
    await t.test(name, async () => {
      const browser = new Browser(latchkey);
      await expectRefused(browser, await handMade(await begin(browser), forged), error);
    });
  }
  await t.test("unsigned, cut short and none", async () => {
    const none = Buffer.from('{"alg":"none","typ":"latchkey-sign-in+jwt"}').toString("base64url");
    for (const [error, change] of [
      ["assertion_signature", (assertion) => assertion.replace(/\.[^.]*$/, ".")],
      ["assertion_signature", (assertion) => `${assertion.slice(0, -8)}AAAAAAAA`],
      ["assertion_algorithm", (assertion) => `${none}.${assertion.split(".")[1]}.`],
      ["assertion_malformed", () => "x"],
      ["assertion_malformed", () => "a.b.c".repeat(2000)],
      ["sign_in_no_answer", () => ""],
    ]) {
      const browser = new Browser(latchkey);
      const back = await handMade(await begin(browser));
      back.searchParams.set("assertion", change(back.searchParams.get("assertion")));
      await expectRefused(browser, back, error);
    }
  });
});

// Rule: ATTACK 6
test("an assertion is good once: neither for its browser again nor, at the same moment, ten times", async () => {
  const browser = new Browser(latchkey);
  const back = await handMade(await begin(browser));
  assert.equal((await browser.request(back)).status, 303);
  browser.cookies.delete(SESSION);
  await expectRefused(browser, back, "sign_in_replayed");

  const racing = new Browser(latchkey);
  const shared = await handMade(await begin(racing));
  const cookies = new Map(racing.cookies);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => {
      const tab = new Browser(latchkey);
      tab.cookies = new Map(cookies);
      return tab.request(shared);
    }),
  );
  assert.equal(answers.filter(({ status }) => status === 303).length, 1);
});

// Rule: ATTACK 6
test("a jti counts once whatever else the assertion says", async () => {
  const jti = randomUUID();
  const first = new Browser(latchkey);
  assert.equal((await first.request(await handMade(await begin(first), { claims: { jti } }))).status, 303);
  const second = new Browser(latchkey);
  await expectRefused(second, await handMade(await begin(second), { claims: { jti, sub: "usr_mary" } }), "sign_in_replayed");
});

// Rule: UI 10, ATTACK 12
test("an assertion works in no other browser, and a link with one signs nobody in", async () => {
  const [attacker, victim] = [new Browser(latchkey), new Browser(latchkey)];
  const theirs = await handMade(await begin(attacker), { claims: { sub: "usr_mary" } });
  await expectRefused(victim, theirs, "sign_in_other_browser");
  // Nor with a state of the victim's own: the nonce is another.
  const leaves = await begin(victim);
  const crossed = new URL(leaves.searchParams.get("continue"));
  crossed.searchParams.set("assertion", theirs.searchParams.get("assertion"));
  await expectRefused(victim, crossed, "assertion_nonce");
});

// Rule: UI 10, ATTACK 11
test("what one connection says is not believed at the callback of another", async () => {
  const browser = new Browser(latchkey);
  const leaves = await begin(browser, { connection: "con_other" });
  const to = new URL(leaves.searchParams.get("continue").replace("con_other", "con_acme"));
  await expectRefused(browser, await handMade(leaves, { to }), "sign_in_other_connection");
  const back = await handMade(await begin(browser), { by: stranger, claims: { iss: "https://other.test" } });
  await expectRefused(browser, new URL(back.href.replace("con_acme", "con_other")), "sign_in_other_connection");
});

test("whoever cancels on the platform's page is not signed in, and can begin again", async () => {
  const browser = new Browser(latchkey);
  const back = new URL((await begin(browser)).searchParams.get("continue"));
  back.searchParams.set("error", "access_denied");
  const answer = await browser.open(back);
  assert.equal(answer.status, 400);
  assert.ok(answer.links.some(({ text, url }) => text === "Try again" && url.pathname === "/login"));
  assert.ok(!browser.cookies.has(SESSION));
});

test("an app that wants its user to sign in anew gets just that", async () => {
  const browser = new Browser(latchkey);
  const cookies = new Map();
  await browser.open(await signInThere(await begin(browser), { cookies }));
  // The platform still knows them, and would send them straight back.
  const { url } = authorizationRequest(apps.spa, { prompt: "login" });
  const { attributes } = await browser.open(url);
  const { leaves } = await browser.open(attributes("a", "href").find((href) => href.includes("connection=con_acme")));
  assert.ok(leaves.searchParams.get("prompt")?.includes("login") || leaves.searchParams.has("max_age"), leaves.href);
  const stale = await handMade(leaves, { claims: { auth_time: Math.floor(Date.now() / 1000) - 600 } });
  assert.equal((await browser.request(stale)).status, 400);
  const { leaves: again } = await browser.open(
    (await browser.open(url)).attributes("a", "href").find((href) => href.includes("connection=con_acme")),
  );
  const consent = await browser.open(await signInThere(again, { cookies }));
  assert.equal(consent.status, 200);
  assert.match(consent.text, /Hedy/);
});

test("a suspended user comes back from the platform's page to a page that says so", async () => {
  const first = new Browser(latchkey);
  await first.open(await signInThere(await begin(first), { username: "mary" }));
  assert.ok(await isSignedIn(first));
  await latchkey.run("UPDATE users SET status = 'suspended' WHERE id = 'usr_mary'");
  assert.ok(!(await isSignedIn(first)));
  const again = new Browser(latchkey);
  const page = await expectRefused(again, await signInThere(await begin(again), { username: "mary" }), "sign_in_suspended");
  assert.match(page, /suspended/);
});

test("while the database or the ledger is out of reach nobody is signed in, and the same address works later", async () => {
  const browser = new Browser(latchkey);
  const back = await handMade(await begin(browser));
  const failed = await browser.request(back, { faults: [{ at: "LEDGER", fail: "before" }] });
  assert.equal(failed.status, 503);
  assert.ok(!browser.cookies.has(SESSION));
  assert.equal((await browser.request(back)).status, 303);
  assert.ok(await isSignedIn(browser));
});
