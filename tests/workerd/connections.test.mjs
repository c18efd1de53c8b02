// Signing in by connections: a real OpenID provider, and a stand-in that answers wrongly.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser } from "./support/browser.mjs";
import { addConnection, callbackOf, loginPath, start } from "./support/connections.mjs";
import { expectErrorPage, expectNotStored, expectPageHeaders } from "./support/expect.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest } from "./support/oauth.mjs";
import { startOidcProvider } from "./support/oidc_provider.mjs";
import { apps } from "./support/platform.mjs";
import { failures, startStandIn } from "./support/stand_in_provider.mjs";
import { encode, newKey } from "./support/strong_clients.mjs";

const SESSION = "__Host-latchkey_session";
const BROWSER = "__Host-latchkey_browser";
const SECRET = "a secret of 32 letters or more & such";

const client = (id, changes = {}) => ({
  client_id: "latchkey",
  client_secret: SECRET,
  redirect_uris: [callbackOf(id)],
  response_types: ["code"],
  grant_types: ["authorization_code"],
  ...changes,
});
const real = await startOidcProvider([client("con_real")]);
const other = await startOidcProvider([client("con_other", { token_endpoint_auth_method: "client_secret_post" })], { alg: "ES256" });
const edwards = await startOidcProvider([client("con_edwards", { token_endpoint_auth_method: "none", client_secret: undefined })], { alg: "EdDSA", configuration: { enabledJWA: { idTokenSigningAlgValues: ["EdDSA"] } } });
const standIn = await startStandIn();
const decoy = await startStandIn();
const staff = await startStandIn();

const latchkey = await startLatchkey({ vars: { DEVELOPMENT_SIGN_IN: "false" }, secrets: { CONNECTION_TEST: SECRET } });
await addConnection(latchkey, { id: "con_real", issuer: real.issuer, position: 1 });
await addConnection(latchkey, { id: "con_other", issuer: other.issuer, client_authentication: "client_secret_post" });
await addConnection(latchkey, { id: "con_edwards", issuer: edwards.issuer, client_authentication: "none", client_secret_name: null });
await addConnection(latchkey, { id: "con_stand", issuer: standIn.issuer, position: 2 });
await addConnection(latchkey, { id: "con_decoy", issuer: decoy.issuer, position: 2 });
await addConnection(latchkey, { id: "con_staff", issuer: staff.issuer, domain_level: 0, position: 3 });

const isSignedIn = async (browser) => (await browser.request("/api/user/connected-apps")).status === 200;
const userOf = async (issuer, subject) =>
  (await latchkey.rows("SELECT u.* FROM user_identities i JOIN users u ON u.id = i.user_id WHERE issuer = ? AND subject = ?", issuer, subject))[0];

// Signs in by a real provider, and follows up to a page.
async function come(provider, id, { user = "jane", to, browser = new Browser(latchkey), cookies } = {}) {
  provider.user = user;
  const back = await provider.visit(await start(browser, id, to), cookies);
  return { browser, back, page: await browser.open(back) };
}

// Goes to the stand-in and comes back with an ID token changed like this.
async function comeByStandIn({ changes, options, id = "con_stand", provider = standIn, to, idToken, browser = new Browser(latchkey) } = {}) {
  const sent = (await start(browser, id, to)).searchParams;
  provider.idToken = (await idToken?.(sent)) ?? (await provider.sign(sent, changes, options));
  const back = `${callbackOf(id)}?code=a-code&state=${sent.get("state")}`;
  return { browser, sent, back, answer: await browser.request(back) };
}

async function expectRefused({ answer, browser }, status = 400) {
  await expectErrorPage(answer, status);
  expectNotStored(answer);
  assert.ok(!browser.cookies.has(SESSION));
  return answer.text();
}

// Covers: R38, R46
// Rule: UI 10
test("people sign in at a real OpenID provider and connect an app", async () => {
  const browser = new Browser(latchkey);
  const { url } = authorizationRequest(apps.spa);
  const choice = await browser.open(url);
  assert.equal(choice.status, 200);
  const links = choice.attributes("a", "href").filter((href) => href.includes("connection=con_real"));
  assert.equal(links.length, 1);
  const toProvider = await browser.open(links[0]);
  assert.equal(toProvider.leaves.origin, real.issuer);
  const back = await real.visit(toProvider.leaves);
  assert.equal(back.origin + back.pathname, callbackOf("con_real"));
  const consent = await browser.open(back);
  assert.equal(consent.status, 200, consent.source);
  assert.match(consent.text, /Jane Doe/);
  assert.match(consent.text, /jane@example\.com/);
  const { leaves } = await browser.allow(consent);
  assert.ok(leaves.searchParams.get("code"));
  assert.equal(leaves.searchParams.get("state"), new URL(url).searchParams.get("state"));
});

test("what is sent to the provider binds its answer: PKCE, state, nonce", async () => {
  const browser = new Browser(latchkey);
  const url = await start(browser, "con_real");
  assert.equal(`${url.origin}${url.pathname}`, `${real.issuer}/auth`);
  const sent = Object.fromEntries(url.searchParams);
  assert.equal(sent.redirect_uri, callbackOf("con_real"));
  assert.equal(sent.code_challenge_method, "S256");
  assert.match(sent.code_challenge, /^[\w-]{43}$/);
  assert.match(sent.nonce, /^[\w-]{22}$/);
  assert.ok(!sent.state.includes(browser.cookies.get(BROWSER)), "the browser's nonce is not shown to the provider");
  const again = Object.fromEntries((await start(browser, "con_real")).searchParams);
  for (const name of ["nonce", "state", "code_challenge"]) assert.notEqual(again[name], sent[name], name);
  assert.equal(await latchkey.count("sessions"), await latchkey.count("sessions", "connection_id IS NOT NULL"));
});

test("nothing is stored before somebody is signed in", async () => {
  const counts = () => Promise.all(["users", "user_identities", "sessions"].map((table) => latchkey.count(table)));
  const before = await counts();
  await start(new Browser(latchkey), "con_real");
  await comeByStandIn({ changes: { nonce: "x" } });
  assert.deepEqual(await counts(), before);
});

test("a second sign-in finds the same user and brings the name up to date", async () => {
  await come(real, "con_real", { user: "joe" });
  const first = await userOf(real.issuer, "joe");
  assert.equal(first.name, "Joe Bloggs");
  assert.equal(first.username, first.id);
  real.claims.joe = { name: "Joe\u202e Smith", email: "smith@example.com" };
  const { page } = await come(real, "con_real", { user: "joe" });
  assert.equal(page.status, 200);
  const second = await userOf(real.issuer, "joe");
  assert.deepEqual([second.id, second.name, second.account_name], [first.id, "Joe Smith", "smith@example.com"]);
});

test("two first sign-ins at once make one user", async () => {
  const browsers = Array.from({ length: 8 }, () => new Browser(latchkey));
  real.claims.twin = { name: "Twin" };
  real.user = "twin";
  const backs = [];
  for (const browser of browsers) backs.push(await real.visit(await start(browser, "con_real")));
  const answers = await Promise.all(browsers.map((browser, at) => browser.request(backs[at])));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([303]));
  assert.equal(await latchkey.count("user_identities", "subject = 'twin'"), 1);
  assert.equal(await latchkey.count("users", "name = 'Twin'"), 1);
});

test("the same e-mail address at another issuer is another user", async () => {
  await come(real, "con_real");
  const { page } = await come(other, "con_other");
  assert.equal(page.status, 200, page.source);
  const [one, two] = [await userOf(real.issuer, "jane"), await userOf(other.issuer, "jane")];
  assert.equal(one.account_name, two.account_name);
  assert.notEqual(one.id, two.id);
});

test("a provider that signs with EdDSA and a client without a secret work too", async () => {
  const { page } = await come(edwards, "con_edwards");
  assert.equal(page.status, 200, page.source);
  assert.ok(await userOf(edwards.issuer, "jane"));
});

test("a no at the provider ends on a page that says so", async () => {
  real.refuses = true;
  try {
    const browser = new Browser(latchkey);
    const back = await real.visit(await start(browser, "con_real"));
    assert.equal(back.searchParams.get("error"), "access_denied");
    const text = await expectRefused({ answer: await browser.request(back), browser });
    assert.match(text, /You were not signed in/);
  } finally {
    real.refuses = false;
  }
});

// Rule: STEPUP 1
test("an app that asks for a new sign-in gets one, though the provider knows its user", async () => {
  const cookies = new Map();
  const { browser } = await come(real, "con_real", { cookies });
  real.asked.length = 0;
  await come(real, "con_real", { cookies, browser });
  assert.ok(real.asked.every(({ prompt }) => prompt !== "login"), "known there by cookie");
  for (const more of [{ prompt: "login" }, { max_age: "0" }]) {
    await new Promise((resolve) => setTimeout(resolve, 1100));
    real.asked.length = 0;
    const { url } = authorizationRequest(apps.spa, more);
    const login = new URL((await browser.request(url)).headers.get("location"), ISSUER);
    const { leaves } = await browser.open(`${login.href}&connection=con_real`);
    const page = await browser.open(await real.visit(leaves, cookies));
    assert.equal(page.status, 200, page.source);
    assert.equal(page.forms.length > 0 && page.url.pathname, "/oauth/consent");
    assert.ok(real.asked.some(({ prompt }) => prompt === "login"), JSON.stringify(more));
  }
});

test("a provider that ignores the wish for a new sign-in ends on a page, not in circles", async () => {
  const { url } = authorizationRequest(apps.spa, { prompt: "login" });
  for (const auth_time of [Math.floor(Date.now() / 1000) - 60, undefined]) {
    const browser = new Browser(latchkey);
    const login = new URL((await browser.request(url)).headers.get("location"), ISSUER);
    const to = login.searchParams.get("continue");
    const came = await comeByStandIn({ to, browser, changes: { auth_time } });
    assert.equal(came.sent.get("prompt"), "login");
    assert.match(await expectRefused(came), /prove once more who you are/);
  }
});

const now = () => Math.floor(Date.now() / 1000);

// Rule: UI 10, ATTACK 7, ATTACK 8
test("an ID token that is not believed signs nobody in", async (t) => {
  assert.equal((await comeByStandIn()).answer.status, 303);
  const cases = {
    "wrong iss": { changes: { iss: decoy.issuer } },
    "iss with a slash": { changes: { iss: `${standIn.issuer}/` } },
    "wrong nonce": { changes: { nonce: "made-up" } },
    "no nonce": { changes: { nonce: undefined } },
    "wrong aud": { changes: { aud: "somebody-else" } },
    "several aud, and azp of another": { changes: { aud: ["latchkey", "x"], azp: "x" } },
    expired: { changes: { iat: now() - 600, exp: now() - 60 } },
    "from the future": { changes: { iat: now() + 600 } },
    "no exp": { changes: { exp: undefined } },
    "no sub": { changes: { sub: undefined } },
    "a sub of 256 letters": { changes: { sub: "x".repeat(256) } },
    "an access token": { options: { header: { typ: "at+jwt" } } },
    "an unknown kid": { options: { header: { kid: "unknown" } } },
    "a key of somebody else": { options: { key: { ...(await newKey()), kid: standIn.key.kid } } },
  };
  for (const [name, wrong] of Object.entries(cases)) await t.test(name, async () => expectRefused(await comeByStandIn(wrong)));
});

test("an ID token with no signature, or one that anybody could make, signs nobody in", async (t) => {
  const claims = (sent) => ({ iss: standIn.issuer, aud: "latchkey", sub: "jane", nonce: sent.get("nonce"), iat: now(), exp: now() + 300 });
  const forged = {
    "alg none": (sent) => `${encode({ alg: "none" })}.${encode(claims(sent))}.`,
    "HS256 with the public key": async (sent) => {
      const { createHmac } = await import("node:crypto");
      const input = `${encode({ alg: "HS256", kid: standIn.key.kid })}.${encode(claims(sent))}`;
      const secret = JSON.stringify({ keys: standIn.keys.map(({ jwk }) => jwk) });
      return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
    },
    "a key in its own header": async (sent) => {
      const key = await newKey();
      return standIn.sign(sent, {}, { key, header: { jwk: key.bare } });
    },
    garbage: () => "not.a.jwt",
    "nine kilobytes": (sent) => standIn.sign(sent, { more: "x".repeat(9000) }),
  };
  for (const [name, idToken] of Object.entries(forged)) await t.test(name, async () => expectRefused(await comeByStandIn({ idToken })));
});

test("a key the provider has changed to is accepted", async () => {
  // Keys are asked for at most once in ten seconds, and were just now.
  await new Promise((resolve) => setTimeout(resolve, 10_100));
  const before = standIn.key;
  standIn.key = await newKey("PS256");
  standIn.keys = [standIn.key];
  assert.equal((await comeByStandIn()).answer.status, 303);
  standIn.asked.length = 0;
  await expectRefused(await comeByStandIn({ options: { key: before } }));
  await expectRefused(await comeByStandIn({ options: { header: { kid: "made-up" } } }));
  assert.ok(!standIn.asked.includes("/jwks"), "made-up key names have the keys asked for again and again");
});

// Rule: UI 10, ATTACK 12
test("an answer counts in the browser its sign-in began in, and nowhere else", async () => {
  const attacker = new Browser(latchkey);
  const sent = (await start(attacker, "con_stand")).searchParams;
  standIn.idToken = await standIn.sign(sent);
  const back = `${callbackOf("con_stand")}?code=a-code&state=${sent.get("state")}`;
  const stranger = new Browser(latchkey);
  assert.match(await expectRefused({ answer: await stranger.request(back), browser: stranger }), /did not begin in this browser/);
  const victim = new Browser(latchkey);
  await start(victim, "con_stand");
  await expectRefused({ answer: await victim.request(back), browser: victim });
  assert.equal((await attacker.request(back)).status, 303, "it was not used up by the others");
});

// Rule: UI 10, ATTACK 11
test("an answer counts at the connection it was asked of, and nowhere else", async () => {
  const browser = new Browser(latchkey);
  const sent = (await start(browser, "con_stand")).searchParams;
  const state = sent.get("state");
  decoy.idToken = await decoy.sign(sent);
  decoy.asked.length = 0;
  await expectRefused({ answer: await browser.request(`${callbackOf("con_decoy")}?code=c&state=${state}`), browser });
  assert.deepEqual(decoy.asked, [], "the code went to another provider");
  const mixedUp = `${callbackOf("con_stand")}?code=c&state=${state}&iss=${encodeURIComponent(decoy.issuer)}`;
  standIn.asked.length = 0;
  await expectRefused({ answer: await browser.request(mixedUp), browser });
  assert.ok(!standIn.asked.includes("/token"));
  // A provider that announces `iss` sends it always.
  const back = await real.visit(await start(browser, "con_real"));
  assert.equal(back.searchParams.get("iss"), real.issuer);
  back.searchParams.delete("iss");
  await expectRefused({ answer: await browser.request(back), browser });
});

test("an answer is good once", async () => {
  const { browser, back } = await come(real, "con_real");
  const token = browser.cookies.get(SESSION);
  await expectErrorPage(await browser.request(back), 400);
  assert.equal(browser.cookies.get(SESSION), token);
  // Also where the provider would let a code be used again.
  const came = await comeByStandIn();
  assert.equal(came.answer.status, 303);
  await expectErrorPage(await came.browser.request(came.back), 400);
});

test("an answer without state, with another's, or with too much in it signs nobody in", async () => {
  const browser = new Browser(latchkey);
  const state = (await start(browser, "con_stand")).searchParams.get("state");
  for (const query of [
    "",
    "code=c",
    "state=",
    "code=c&state=x",
    `code=c&state=${state}x`,
    `code=c&state=${state}&state=${state}`,
    `code=c&code=d&state=${state}`,
    `state=${state}`,
    `code=c&state=${"A".repeat(30_000)}`,
  ])
    await expectRefused({ answer: await browser.request(`${callbackOf("con_stand")}?${query}`), browser });
  assert.equal((await browser.request("/login/callback/con_none?code=c")).status, 404);
});

// Rule: ATTACK 13
test("a session cookie from before is worth nothing after signing in", async () => {
  const browser = new Browser(latchkey);
  browser.cookies.set(SESSION, "chosen-by-an-attacker");
  await come(real, "con_real", { browser });
  const first = browser.cookies.get(SESSION);
  assert.notEqual(first, "chosen-by-an-attacker");
  await come(real, "con_real", { browser });
  const left = new Browser(latchkey);
  left.cookies.set(SESSION, first);
  assert.ok(!(await isSignedIn(left)) && (await isSignedIn(browser)));
});

test("a suspended user is told so", async () => {
  real.claims.bad = { name: "Bad" };
  await come(real, "con_real", { user: "bad" });
  const { id } = await userOf(real.issuer, "bad");
  await latchkey.run("UPDATE users SET status = 'suspended' WHERE id = ?", id);
  const { browser, page } = await come(real, "con_real", { user: "bad" });
  assert.equal(page.status, 403);
  assert.match(page.text, /suspended/);
  assert.ok(!browser.cookies.has(SESSION));
});

test("a provider that fails makes nobody wait for long, and everybody may try again", async (t) => {
  const broken = {
    "its token endpoint is down": ["/token", failures.status(500)],
    "its token endpoint refuses our secret": ["/token", failures.status(401)],
    "its token endpoint hangs up": ["/token", failures.hangUp],
    "its token endpoint sends without end": ["/token", failures.endless],
    "its token endpoint sends too much": ["/token", failures.huge],
    "its token endpoint redirects": ["/token", failures.redirect(`${decoy.issuer}/token`)],
    "its token endpoint is silent": ["/token", failures.silence],
    "its token endpoint stops half-way": ["/token", failures.stuck],
  };
  for (const [name, [path, how]] of Object.entries(broken)) {
    await t.test(name, async () => {
      const browser = new Browser(latchkey);
      const sent = (await start(browser, "con_stand")).searchParams;
      standIn.idToken = decoy.idToken = await standIn.sign(sent);
      decoy.asked.length = 0;
      standIn.instead = { [path]: how };
      const began = Date.now();
      const answer = await browser.request(`${callbackOf("con_stand")}?code=c&state=${sent.get("state")}`);
      standIn.instead = {};
      const text = await expectRefused({ answer, browser }, 503);
      assert.match(answer.headers.get("retry-after"), /^\d+$/);
      assert.match(text, /href="\/login\?continue=/);
      assert.ok(Date.now() - began < 7000, `${Date.now() - began} ms`);
      assert.deepEqual(decoy.asked, [], "a redirect was followed");
    });
  }
});

// Covers: R46
test("an app's users are offered connections of the whole domain, and no others count", async () => {
  const browser = new Browser(latchkey);
  const { url } = authorizationRequest(apps.spa);
  const choice = await browser.open(url);
  assert.ok(choice.source.includes("con_real") && !choice.source.includes("con_staff"));
  const login = choice.url.href;
  const byName = await browser.open(`${login}&connection=con_staff`);
  assert.equal(byName.leaves, undefined);
  assert.ok(!byName.source.includes("con_staff"));

  // Signed in by it for themselves, people have to sign in again to connect an app.
  const came = await comeByStandIn({ browser, id: "con_staff", provider: staff });
  assert.equal(came.answer.status, 303);
  assert.ok(await isSignedIn(browser));
  const again = await browser.request(url);
  assert.match(again.headers.get("location"), /^\/login\?/);
  const consent = new URL(again.headers.get("location"), ISSUER).searchParams.get("continue");
  assert.match((await browser.request(consent)).headers.get("location"), /^\/login\?/);
});

test("several ways are offered on a page, the one used last first", async () => {
  const { browser } = await comeByStandIn();
  const page = await browser.open(loginPath("/account/apps"));
  assert.equal(page.status, 200);
  expectPageHeaders(page.answer);
  assert.equal(page.scripts, 0);
  assert.match(page.lists[0][0], /con_stand account.*last time/);
  assert.equal(page.lists[0].length, 6);
  const fresh = await new Browser(latchkey).open(loginPath("/account/apps"));
  assert.doesNotMatch(fresh.text, /last time/);
});

test("whoever wants to be somebody else chooses the account at the provider", async () => {
  const browser = new Browser(latchkey);
  const page = await browser.open(`${loginPath("/account/apps")}&choose=account`);
  const link = page.attributes("a", "href").find((href) => href.includes("con_real"));
  const { leaves } = await browser.open(link);
  assert.equal(leaves.searchParams.get("prompt"), "select_account");
});

test("the log holds no code, state or token", async () => {
  latchkey.takeLines();
  const came = await comeByStandIn({ changes: { nonce: "made-up" } });
  const lines = latchkey.takeLines().join("\n");
  assert.match(lines, /"route":"login_callback"/);
  assert.match(lines, /"connection_id":"con_stand"/);
  assert.match(lines, /id_token_nonce/);
  for (const secret of ["a-code", came.sent.get("state"), came.sent.get("nonce"), standIn.idToken, SECRET]) assert.ok(!lines.includes(secret), secret);
});

test("an issuer is not shared by connections that prove different things", async (t) => {
  const shared = { issuer: "https://shared.example", client_secret_name: null };
  const handOff = { kind: "hand_off", client_id: null, login_url: "https://shared.example/login", jwks: '{"keys":[]}' };
  const refused = /has this issuer/;
  // Disabled, so that nobody else in this file sees them.
  const add = (id, changes) => addConnection(latchkey, { id, status: "disabled", ...shared, ...changes });
  const change = (column, value, id) => latchkey.run(`UPDATE connections SET ${column} = ? WHERE id = ?`, value, id);
  await add("con_shared");
  await add("con_twin");
  await t.test("one is the platform's own page", () => assert.rejects(add("con_page", handOff), refused));
  await t.test("one is for third-party apps and one is not", () => assert.rejects(add("con_staffs", { domain_level: 0 }), refused));
  await t.test("one of them becomes so", async () => {
    await assert.rejects(change("domain_level", 0, "con_twin"), refused);
    await add("con_apart", { issuer: "https://apart.example", domain_level: 0 });
    await assert.rejects(change("issuer", shared.issuer, "con_apart"), refused);
    await add("con_page", { ...handOff, issuer: "https://page.example" });
    await assert.rejects(change("issuer", shared.issuer, "con_page"), refused);
    await assert.rejects(add("con_pages_twin", { issuer: "https://page.example" }), refused);
    await assert.rejects(add("con_second_page", { ...handOff, issuer: "https://page.example" }), refused);
  });
  await change("name", "Another name", "con_twin");
});

// The last test: its connections are not for the others.
test("metadata that cannot be believed are a page, and are not asked for again at once", async () => {
  const usual = "/.well-known/openid-configuration";
  const asUsual = (request, response) => {
    request.url = usual;
    staff.answer(request, response);
    staff.asked.pop();
  };
  const broken = [
    { how: failures.status(503) },
    { how: failures.redirect(`${decoy.issuer}${usual}`) },
    { how: failures.noJson },
    { how: failures.huge },
    { metadata: { issuer: decoy.issuer } },
    { metadata: { token_endpoint: "http://id.example/token" } },
    { metadata: { jwks_uri: undefined } },
  ];
  const [id, issuer] = [(number) => `con_broken_${number}`, (number) => `${staff.issuer}/broken-${number}`];
  for (const number of broken.keys()) await addConnection(latchkey, { id: id(number), issuer: issuer(number), domain_level: 0 });
  // Connections may be known for eight seconds.
  await new Promise((resolve) => setTimeout(resolve, 8500));
  const browser = new Browser(latchkey);
  const expectFailure = async (number) => expectErrorPage(await browser.request(loginPath("/account/apps", id(number))), 503);
  for (const [number, { how = asUsual, metadata }] of broken.entries()) {
    staff.metadata = { issuer: issuer(number), ...metadata };
    staff.instead = { [`/broken-${number}${usual}`]: how };
    await expectFailure(number);
    assert.equal(staff.asked.at(-1), `/broken-${number}${usual}`);
    const asked = staff.asked.length;
    await expectFailure(number);
    assert.equal(staff.asked.length, asked, "asked again at once");
  }
  staff.metadata = staff.instead = {};
  await start(browser, "con_staff");
});
