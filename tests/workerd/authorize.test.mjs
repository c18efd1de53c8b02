import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectErrorRedirect, expectNotStored } from "./support/expect.mjs";
import { COUNTED, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, awkwardStates, challengeOf } from "./support/oauth.mjs";
import { apis, apps, CALLBACK, unavailable } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const ask = (client, parameters, init) => latchkey.fetch(authorizationRequest(client, parameters).url, init);
const backToApp = { redirect_uri: CALLBACK };
const isForward = (answer) => {
  assert.equal(answer.status, 303);
  assert.match(answer.headers.get("location"), /^\/login\?continue=%2Foauth%2Fconsent%3Frequest_id%3D/);
};

// Covers: R34, R38
// Rule: AUTHZ 5, UI 9, UI 16
test("somebody not signed in is sent to sign in, and from there to the consent page", async () => {
  const answer = await ask(apps.spa);
  isForward(answer);
  expectNotStored(answer);
  const [cookie] = answer.headers.getSetCookie();
  assert.match(cookie, /^__Host-latchkey_browser=[A-Za-z0-9_-]{16,};/);
  for (const attribute of ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"])
    assert.match(cookie, new RegExp(`; ?${attribute}(;|$)`, "i"));
});

// Covers: R38
test("somebody signed in is sent to the consent page", async () => {
  const browser = await signedIn(latchkey);
  const answer = await browser.request(authorizationRequest(apps.spa).url);
  assert.equal(answer.status, 303);
  assert.match(answer.headers.get("location"), /^\/oauth\/consent\?request_id=/);
});

// Covers: R34
// Rule: AUTHZ 1, AUTHZ 28
test("the request may come as a form, and goes on as a link", async () => {
  const { url } = authorizationRequest(apps.spa);
  const answer = await latchkey.fetch("/oauth/authorize", { method: "POST", body: new URL(url).searchParams });
  assert.deepEqual([answer.status, answer.headers.get("set-cookie")], [303, null]);
  isForward(await latchkey.fetch(answer.headers.get("location")));
});

// Covers: R33, B10
// Rule: AUTHZ 3, AUTHZ 34, AUTHZ 35
test("without a good client_id there is a page and no redirect", async (t) => {
  const cases = {
    missing: undefined,
    empty: "",
    unknown: "app_nobody",
    repeated: [apps.spa.client_id, apps.spa.client_id],
    "two different": [apps.spa.client_id, apps.web.client_id],
    "wrong letters": apps.spa.client_id.toUpperCase(),
    "with SQL": "' OR '1'='1",
  };
  for (const [name, client_id] of Object.entries(cases))
    await t.test(name, async () => expectErrorPage(await ask(apps.spa, { client_id })));
  for (const app of unavailable) await t.test(`app is ${app.status}`, async () => expectErrorPage(await ask(app)));
});

const partner = "https://partner.example/callback";

// Covers: R35, B10
// Rule: AUTHZ 3, AUTHZ 7, AUTHZ 12, AUTHZ 35, PEER 3
test("without a registered redirect_uri there is a page and no redirect", async (t) => {
  const cases = [
    undefined,
    "",
    [CALLBACK, CALLBACK],
    [CALLBACK, partner],
    "https://evil.example/callback",
    `${partner}/`,
    `${partner}?`,
    `${partner}#`,
    `${partner}?tenant=8`,
    `${partner}?tenant=7&x=1`,
    `${partner}/../callback`,
    partner.replace("callback", "callbac%6B"),
    partner.replace("callback", "Callback"),
    partner.replace("https", "http"),
    partner.replace("https", "HTTPS"),
    partner.replace("partner", "PARTNER"),
    partner.replace("example", "example."),
    partner.replace("example", "example:443"),
    partner.replace("https://", "https://user@"),
    partner.replace("example", "example@evil.example"),
    partner.replace("example", "example.evil.example"),
    "https://partner.example",
    "//partner.example/callback",
    "/callback",
    "callback",
    `${partner}\n`,
    ` ${partner}`,
    `${partner}%00`,
    "javascript:alert(1)//",
    "data:text/html,x",
  ];
  for (const redirect_uri of cases)
    await t.test(JSON.stringify(redirect_uri) ?? "missing", async () =>
      expectErrorPage(await ask(apps.partner, { redirect_uri })),
    );
});

// Covers: R35, B12
// Rule: AUTHZ 8, NATIVE 1, PEER 18
test("a loopback address is good with any port, and returned with that port", async (t) => {
  const good = ["127.0.0.1", "127.0.0.1:1", "127.0.0.1:65535", "localhost:3000", "[::1]:49152", "[::1]"];
  for (const host of good) {
    await t.test(host, async () => {
      const redirect_uri = `http://${host}/callback`;
      const answer = await ask(apps.spa, { redirect_uri, response_type: "token" });
      assert.equal(answer.status, 303);
      assert.ok(answer.headers.get("location").startsWith(`${redirect_uri}?`), answer.headers.get("location"));
    });
  }
});

// Covers: R35, B12
// Rule: AUTHZ 8, AUTHZ 10, FAPI 20
test("what only looks like a loopback address is not registered", async (t) => {
  const cases = [
    "http://127.0.0.1:53682/other",
    "http://127.0.0.1:53682/callback/",
    "http://127.0.0.1:53682/callback?x=1",
    "http://127.0.0.1:53682/callback#x",
    "http://127.0.0.1:53682",
    "https://127.0.0.1:53682/callback",
    "http://127.0.0.2:53682/callback",
    "http://127.1:53682/callback",
    "http://0x7f000001:53682/callback",
    "http://2130706433/callback",
    "http://0.0.0.0:53682/callback",
    "http://[::]:53682/callback",
    "http://[::ffff:127.0.0.1]:53682/callback",
    "http://127.0.0.1.evil.example:53682/callback",
    "http://localhost.evil.example:53682/callback",
    "http://127.0.0.1:53682@evil.example/callback",
    "http://user@127.0.0.1:53682/callback",
    "http://127.0.0.1:53682\\@evil.example/callback",
    "http://127.0.0.1:/evil.example/callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1:-1/callback",
    "http://127.0.0.1:80a/callback",
    "http://LOCALHOST:53682/callback",
    "HTTP://127.0.0.1:53682/callback",
  ];
  for (const redirect_uri of cases)
    await t.test(redirect_uri, async () => expectErrorPage(await ask(apps.spa, { redirect_uri })));
});

// Rule: AUTHZ 13
test("a query of the registered address is kept", async () => {
  const redirect_uri = `${partner}?tenant=7`;
  const answer = await ask(apps.partner, { redirect_uri, response_type: "token" });
  assert.ok(answer.headers.get("location").startsWith(`${redirect_uri}&error=`), answer.headers.get("location"));
});

// Covers: B10
// Rule: AUTHZ 30, AUTHZ 35
test("the app is judged before its address, and the address before everything else", async () => {
  const bad = { response_type: "token", scope: "nonsense", code_challenge: undefined };
  await expectErrorPage(await ask(apps.spa, { ...bad, client_id: "app_nobody", redirect_uri: "https://evil.example" }));
  await expectErrorPage(await ask(apps.spa, { ...bad, redirect_uri: "https://evil.example" }));
  await expectErrorPage(await ask(apps.spa, { ...bad, response_mode: "fragment" }));
  expectErrorRedirect(await ask(apps.spa, { ...bad, state: "s" }), {
    ...backToApp,
    error: "unsupported_response_type",
    state: "s",
  });
});

const s256 = challengeOf("x".repeat(43));
const refused = [
  ["invalid_request", { response_type: undefined }],
  ["invalid_request", { response_type: "" }],
  ["unsupported_response_type", { response_type: "token" }],
  ["unsupported_response_type", { response_type: "id_token" }],
  ["unsupported_response_type", { response_type: "code token" }],
  ["unsupported_response_type", { response_type: "CODE" }],
  ["invalid_request", { code_challenge: undefined }],
  ["invalid_request", { code_challenge: "" }],
  ["invalid_request", { code_challenge: undefined, code_challenge_method: undefined }],
  ["invalid_request", { code_challenge: "[object Promise]" }],
  ["invalid_request", { code_challenge: s256.slice(1) }],
  ["invalid_request", { code_challenge: `${s256}A` }],
  ["invalid_request", { code_challenge: `${s256}=` }],
  ["invalid_request", { code_challenge: `+${s256.slice(1)}` }],
  ["invalid_request", { code_challenge: "~".repeat(43) }],
  ["invalid_request", { code_challenge_method: undefined }],
  ["invalid_request", { code_challenge_method: "plain" }],
  ["invalid_request", { code_challenge_method: "s256" }],
  ["invalid_request", { code_challenge_method: "S512" }],
  ["invalid_scope", { scope: "read:profile write:everything" }],
  ["invalid_scope", { scope: "READ:PROFILE" }],
  ["invalid_scope", { scope: "read:invoices" }],
  ["invalid_scope", { scope: 'read:profile "x"' }],
  ["invalid_scope", { scope: "read:profile\tread:projects" }],
  ["invalid_scope", { scope: " " }],
  ["invalid_target", { resource: "https://unknown.example" }],
  ["invalid_target", { resource: "localhost:8788" }],
  ["invalid_target", { resource: "not a uri" }],
  ["invalid_target", { resource: `${apis.projects.resource}#x` }],
  ["invalid_target", { resource: [apis.projects.resource, "https://unknown.example"] }],
  ["login_required", { prompt: "none" }],
  ["invalid_request", { prompt: "none login" }],
  ["request_not_supported", { request: "eyJhbGciOiJub25lIn0.e30." }],
  ["unmet_authentication_requirements", { acr_values: "1" }],
  ["request_uri_not_supported", { request_uri: "https://app.example/request" }],
];

// Covers: R36, R54, R55, B9, B10, B18, B22
// Rule: AUTHZ 6, AUTHZ 14, AUTHZ 15, AUTHZ 16, AUTHZ 27, AUTHZ 33, AUTHZ 34, AUTHZ 36, RES 1, NATIVE 4
test("every other bad request goes back to the app, with its state and our name", async (t) => {
  for (const [error, parameters] of refused) {
    await t.test(`${error}: ${JSON.stringify(parameters, (_, value) => value ?? null)}`, async () => {
      const answer = await ask(apps.spa, { state: "kept", ...parameters });
      expectErrorRedirect(answer, { ...backToApp, error, state: "kept" });
    });
  }
});

// Covers: R36
test("a refused scope is named to the app", async () => {
  const location = expectErrorRedirect(await ask(apps.spa, { scope: "read:profile write:everything", state: "s" }), {
    ...backToApp,
    error: "invalid_scope",
    state: "s",
  });
  assert.match(location.searchParams.get("error_description"), /write:everything/);
  assert.doesNotMatch(location.searchParams.get("error_description"), /read:profile/);
});

// Covers: B9
// Rule: AUTHZ 3
test("a repeated parameter is refused, whichever it is", async (t) => {
  const { searchParams } = new URL(authorizationRequest(apps.spa, { prompt: "login", max_age: "60" }).url);
  for (const name of [
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
  ]) {
    await t.test(name, async () => {
      const value = searchParams.get(name);
      const answer = await ask(apps.spa, { state: "kept", [name]: [value, value] });
      const state = name === "state" ? undefined : "kept";
      expectErrorRedirect(answer, { ...backToApp, error: "invalid_request", state });
    });
  }
  await t.test("but resource may be repeated", async () => {
    isForward(await ask(apps.spa, { resource: [apis.projects.resource, apis.projects.resource] }));
  });
});

// Covers: B18
test("without a state there is none in the answer", async () => {
  for (const state of [undefined, ""])
    expectErrorRedirect(await ask(apps.spa, { state, prompt: "none" }), {
      ...backToApp,
      error: "login_required",
      state: undefined,
    });
});

// Covers: R41, B18, B23
// Rule: AUTHZ 26, AUTHZ 27
test("the state comes back exactly as it was sent", async (t) => {
  for (const state of awkwardStates)
    await t.test(state.slice(0, 30), async () =>
      expectErrorRedirect(await ask(apps.spa, { state, prompt: "none" }), {
        ...backToApp,
        error: "login_required",
        state,
      }),
    );
});

// Rule: AUTHZ 2, AUTHZ 29, TOKEN 19
test("parameters that other servers know, and unknown ones, do no harm", async (t) => {
  const harmless = {
    nonce: "n",
    display: "popup",
    ui_locales: "de",
    claims_locales: "de",
    login_hint: "alice",
    id_token_hint: "x",
    audience: "x",
    access_type: "offline",
    response_mode: "query",
    prompt: "consent",
    foo: "bar",
  };
  for (const [name, value] of Object.entries(harmless))
    await t.test(name, async () => isForward(await ask(apps.spa, { [name]: value })));
  await t.test("scope offline_access", async () =>
    isForward(await ask(apps.spa, { scope: "read:profile offline_access" })),
  );
});

// Rule: AUTHZ 36
test("prompt=none tells a signed-in user's app that consent is due", async () => {
  const browser = await signedIn(latchkey);
  const answer = await browser.request(authorizationRequest(apps.spa, { prompt: "none", state: "s" }).url);
  expectErrorRedirect(answer, { ...backToApp, error: "consent_required", state: "s" });
});

// Rule: AUTHZ 4, NATIVE 3, FAPI 3
test("no site's script may read the authorization endpoint", async () => {
  const origin = { origin: "https://app.example" };
  const preflight = { ...origin, "access-control-request-method": "GET" };
  const { url } = authorizationRequest(apps.spa);
  for (const init of [{ headers: origin }, { method: "OPTIONS", headers: preflight }]) {
    const answer = await latchkey.fetch(url, init);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
});

// Covers: R37, B13
test("a hundred requests of strangers leave no trace in storage", async () => {
  const stored = async () => {
    const tables = await latchkey.rows(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT IN (${COUNTED})`,
    );
    const counts = await Promise.all(tables.map(async ({ name }) => [name, await latchkey.count(name)]));
    const keys = (await latchkey.kv.list()).keys.map(({ name }) => name);
    return { ...Object.fromEntries(counts), keys, ledgers: await latchkey.worker.listDurableObjectIds("LEDGER") };
  };
  const before = await stored();
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(apps.spa)));
  answers.forEach(isForward);
  const browser = new Browser(latchkey);
  await browser.open(authorizationRequest(apps.spa).url);
  assert.deepEqual(await stored(), before);
});
