// AUTHZ: what may be asked, and where the answer may go.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectErrorPage, expectErrorRedirect } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { authorizationRequest } from "../support/oauth.mjs";
import { apps, CALLBACK, newApp, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const ask = (client, parameters) => latchkey.fetch(authorizationRequest(client, parameters).url);

// Rule: AUTHZ 7, AUTHZ 35, PEER 3
test("a redirect URI that differs from the registered one in anything gets a page", async (t) => {
  const registered = "https://app.example/cb/one";
  const app = await newApp(latchkey, { redirect_uris: [registered] });
  assert.equal((await ask(app, { redirect_uri: registered })).status, 303);
  const others = {
    "a slash more": `${registered}/`,
    "a query": `${registered}?x=1`,
    "an empty query": `${registered}?`,
    "a path segment more": `${registered}/two`,
    "a path segment less": "https://app.example/cb",
    "a dot segment": "https://app.example/cb/./one",
    "an encoded dot segment": "https://app.example/cb/%2e/one",
    "an encoded way up": "https://app.example/cb/x/%2e%2e/one",
    "an encoded letter": "https://app.example/cb/%6fne",
    "an encoded slash": "https://app.example/cb%2Fone",
    "a user name": "https://x@app.example/cb/one",
    "a user name and password": "https://app.example:x@evil.example/cb/one",
    "another case of the path": "https://app.example/CB/one",
    "another case of the host": "https://APP.example/cb/one",
    "another case of the scheme": "HTTPS://app.example/cb/one",
    "the default port": "https://app.example:443/cb/one",
    "another port": "https://app.example:8443/cb/one",
    "a subdomain": "https://x.app.example/cb/one",
    "a longer domain": "https://app.example.evil/cb/one",
    "a fragment": `${registered}#x`,
  };
  for (const [name, redirect_uri] of Object.entries(others))
    await t.test(name, async () => expectErrorPage(await ask(app, { redirect_uri })));
});

// Rule: AUTHZ 9, AUTHZ 10, AUTHZ 11, FAPI 9, PEER 5
test("an address that is no place to send people to is refused although it is registered", async (t) => {
  const bad = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    " javascript:alert(1)",
    "\tjavascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,x",
    "DATA:text/html,x",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://app.example/x",
    "about:blank",
    "filesystem:https://app.example/x",
    "view-source:https://app.example/",
    "ws://app.example/",
    "myapp://callback",
    "myapp:/callback",
    "http://app.example/callback",
    "http://192.168.0.1/callback",
    "http://localhost.evil.example/callback",
    "https:",
    "https://",
    "https:///callback",
    "https://app.example/callback#x",
    "/callback",
    "//app.example/callback",
    "callback",
  ];
  const app = await newApp(latchkey);
  for (const redirect_uri of bad)
    await latchkey.run("INSERT INTO app_redirect_uris VALUES (?, ?)", app.client_id, redirect_uri);
  for (const redirect_uri of bad)
    await t.test(JSON.stringify(redirect_uri), async () => expectErrorPage(await ask(app, { redirect_uri })));
});

// Rule: AUTHZ 10, AUTHZ 11, NATIVE 1
test("a native app is answered at its own scheme, a claimed https address and a loopback address, without a secret", async (t) => {
  const redirect_uris = [
    "com.example.app:/callback",
    "com.example.app://callback?x=1",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://app.example/native",
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://localhost:4000/callback",
  ];
  const app = await newApp(latchkey, { app_type: "mobile", redirect_uris });
  const browser = await signedIn(latchkey, await newUser(latchkey));
  for (const redirect_uri of redirect_uris) {
    await t.test(redirect_uri, async () => {
      const { url, ...grant } = authorizationRequest(app, { redirect_uri });
      const page = await browser.authorize(url);
      const { leaves } = await browser.allow(page);
      assert.ok(leaves.href.startsWith(redirect_uri), leaves.href);
      const { code_verifier } = grant;
      const body = { grant_type: "authorization_code", client_id: app.client_id, redirect_uri, code_verifier };
      const fields = new URLSearchParams({ ...body, code: leaves.searchParams.get("code") });
      assert.equal((await latchkey.fetch("/oauth/token", { method: "POST", body: fields })).status, 200);
    });
  }
});

// Rule: AUTHZ 14, AUTHZ 20, PEER 4
test("no kind of app gets as far as a code without a challenge, so none is redeemed without a verifier", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const without = [
    { code_challenge: undefined, code_challenge_method: undefined },
    { code_challenge: undefined },
    { code_challenge: "", code_challenge_method: "" },
    { code_challenge: undefined, code_challenge_method: undefined, code_verifier: "x".repeat(43), nonce: "n" },
  ];
  for (const client of [apps.spa, apps.mobile, apps.web, apps.server])
    for (const parameters of without) {
      const answer = await browser.request(authorizationRequest(client, { ...parameters, state: "s" }).url);
      expectErrorRedirect(answer, { redirect_uri: CALLBACK, error: "invalid_request", state: "s" });
    }
});

// Rule: AUTHZ 36
test("what has a code of its own is refused under that code", async (t) => {
  const refusals = [
    ["registration_not_supported", { registration: "{}" }],
    ["request_not_supported", { request: "x" }],
    ["request_uri_not_supported", { request_uri: "https://app.example/request" }],
    ["invalid_request", { max_age: "soon" }],
    ["invalid_request", { max_age: "-1" }],
    ["invalid_request", { prompt: "sometimes" }],
    ["invalid_request", { prompt: "consent none" }],
    ["invalid_target", { resource: "https://unknown.example" }],
    ["invalid_scope", { scope: "unknown" }],
    ["unsupported_response_type", { response_type: "code id_token" }],
    ["login_required", { prompt: "none" }],
  ];
  for (const [error, parameters] of refusals)
    await t.test(`${error}: ${JSON.stringify(parameters)}`, async () =>
      expectErrorRedirect(await ask(apps.spa, { state: "s", ...parameters }), { redirect_uri: CALLBACK, error, state: "s" }),
    );
});

// Rule: AUTHZ 30, UI 12
test("a code is not delivered by fragment, form or message", async () => {
  for (const response_mode of ["fragment", "form_post", "web_message", "query.jwt", "QUERY"])
    await expectErrorPage(await ask(apps.spa, { response_mode }));
});

// Rule: AUTHZ 2
test("an empty parameter counts as absent, wherever it stands", async () => {
  const empty = { state: "", prompt: "", max_age: "", resource: "", login_hint: "", response_mode: "", request: "" };
  assert.equal((await ask(apps.spa, empty)).status, 303);
  assert.match((await ask(apps.spa, empty)).headers.get("location"), /^\/login/);
});

const secretLooking = "sEcReT-1234567890-abcdefgh";

// Rule: AUTHZ 31, AUTHZ 32
test("what goes back to the app repeats nothing that was sent but its state", async (t) => {
  const hostile = ['<script>"x"</script>', "line\r\nbreak", "ü🔑\u202e", "a\\b", secretLooking];
  const names = ["response_type", "code_challenge", "code_challenge_method", "resource", "prompt", "max_age", "request"];
  for (const name of names) {
    await t.test(name, async () => {
      for (const value of hostile) {
        const answer = await ask(apps.spa, { [name]: value, state: "s" });
        const location = new URL(answer.headers.get("location"));
        assert.ok(location.searchParams.get("error"), location.href);
        assert.match(location.searchParams.get("error_description"), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
        assert.ok(!decodeURIComponent(location.search).includes(value), location.href);
      }
    });
  }
});
