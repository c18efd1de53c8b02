// PAR: requests that come by the back door.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "../support/browser.mjs";
import { expectErrorPage, expectErrorRedirect, expectRefusal } from "../support/expect.mjs";
import { COUNTED, ISSUER, startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, basic, claimsOf, form, oauthClient } from "../support/oauth.mjs";
import { apis, apps, CALLBACK, newUser, unavailable } from "../support/platform.mjs";
import { newAppWith, newKey, ProofSender } from "../support/strong_clients.mjs";

const latchkey = await startLatchkey();
const { redeem, tokens } = oauthClient(latchkey);
const PAR = "/oauth/par";

// The parameters of a good request, and what is needed to redeem its code.
function request(client, parameters) {
  const { url, ...grant } = authorizationRequest(client, parameters);
  return { grant, fields: Object.fromEntries(new URL(url).searchParams) };
}
const credentials = (client) => (client.secret ? { authorization: basic(client.client_id, client.secret) } : {});
const push = (client, fields, { headers = credentials(client), ...init } = {}) =>
  latchkey.fetch(PAR, { method: "POST", headers, body: form(fields), ...init });
async function pushed(client = apps.web, parameters) {
  const { grant, fields } = request(client, parameters);
  const answer = await push(client, fields);
  assert.equal(answer.status, 201, await answer.clone().text());
  return { grant, answer, ...(await answer.json()) };
}
const link = (client, request_uri, more = {}) =>
  `/oauth/authorize?${form({ client_id: client.client_id, request_uri, ...more })}`;

// Rule: PAR 1, PAR 2
test("a pushed request leads to tokens, for public and confidential apps", async () => {
  for (const client of [apps.spa, apps.web, apps.post]) {
    const { grant, request_uri } = await pushed(client, { state: "kept", scope: "read:team" });
    const browser = await signedIn(latchkey, await newUser(latchkey));
    const page = await browser.authorize(link(client, request_uri));
    const { leaves } = await browser.allow(page);
    assert.deepEqual([leaves.searchParams.get("state"), leaves.searchParams.get("iss")], ["kept", ISSUER]);
    const { access_token } = await tokens(await redeem({ ...grant, code: leaves.searchParams.get("code") }));
    assert.equal(claimsOf(access_token).scope, "read:team");
  }
});

// Rule: PAR 2, PAR 3, FAPI 23
test("the answer is 201 with an address nobody can guess, for a few minutes", async () => {
  const seen = new Set();
  for (let round = 0; round < 3; round++) {
    const { answer, request_uri, expires_in } = await pushed();
    assert.match(answer.headers.get("content-type"), /^application\/json(;|$)/);
    assert.match(answer.headers.get("cache-control"), /no-store/);
    assert.match(request_uri, /^urn:ietf:params:oauth:request_uri:[A-Za-z0-9._~-]{22,}$/);
    assert.ok(Number.isInteger(expires_in) && expires_in >= 5 && expires_in < 600, String(expires_in));
    seen.add(request_uri);
  }
  assert.equal(seen.size, 3);
});

const refused = [
  ["invalid_request", { response_type: undefined }],
  ["unsupported_response_type", { response_type: "token" }],
  ["invalid_request", { code_challenge: undefined }],
  ["invalid_request", { code_challenge: "x" }],
  ["invalid_request", { code_challenge_method: undefined }],
  ["invalid_request", { code_challenge_method: "plain" }],
  ["invalid_scope", { scope: "write:everything" }],
  ["invalid_scope", { scope: 'a"b' }],
  ["invalid_target", { resource: "https://unknown.example" }],
  ["invalid_target", { resource: "x" }],
  ["invalid_request", { prompt: "none login" }],
  ["invalid_request", { max_age: "x" }],
  ["invalid_request", { response_mode: "fragment" }],
  ["invalid_request", { request_uri: "urn:ietf:params:oauth:request_uri:x" }],
  ["invalid_request", { request_uri: "https://app.example/request" }],
  [["request_not_supported", "invalid_request"], { request: "eyJhbGciOiJub25lIn0.e30." }],
  ["invalid_request", { dpop_jkt: "x" }],
];

// Rule: PAR 1, PAR 4, FAPI 15, FAPI 17
test("a request that would be refused at the authorization endpoint is refused at once, as JSON", async (t) => {
  for (const [error, parameters] of refused) {
    await t.test(`${error}: ${JSON.stringify(parameters, (_, value) => value ?? null)}`, async () => {
      const { fields } = request(apps.web);
      await expectRefusal(await push(apps.web, { ...fields, ...parameters }), error);
    });
  }
});

// Rule: PAR 1, AUTHZ 3
test("a repeated parameter is refused, except resource", async () => {
  const { fields } = request(apps.web);
  for (const name of ["response_type", "scope", "state", "redirect_uri", "code_challenge", "client_id", "foo"]) {
    const value = fields[name] ?? "x";
    await expectRefusal(await push(apps.web, { ...fields, [name]: [value, value] }), "invalid_request");
  }
  const { resource } = apis.projects;
  assert.equal((await push(apps.web, { ...fields, resource: [resource, resource] })).status, 201);
});

// Rule: PAR 4, PAR 6, FAPI 18
test("a redirect URI that is missing, malformed or not registered is invalid_request, also from an app that authenticates", async () => {
  const bad = [undefined, "", "x", "https://evil.example/", `${CALLBACK}/`, `${CALLBACK}#x`, "javascript:alert(1)"];
  for (const redirect_uri of bad) {
    const { fields } = request(apps.web);
    const answer = await push(apps.web, { ...fields, redirect_uri });
    assert.equal(answer.headers.get("location"), null);
    await expectRefusal(answer, "invalid_request");
  }
});

// Rule: PAR 1, PAR 4, FAPI 16
test("whoever does not authenticate as at the token endpoint pushes nothing", async (t) => {
  const { fields } = request(apps.web);
  const cases = {
    "no credentials": ["invalid_client", fields, {}],
    "a wrong secret": ["invalid_client", fields, { authorization: basic(apps.web.client_id, "lks_x") }],
    "another app's secret": ["invalid_client", fields, { authorization: basic(apps.web.client_id, apps.rival.secret) }],
    "an unknown app": ["invalid_client", { ...fields, client_id: "app_nobody" }, {}],
    "nobody": ["invalid_client", { ...fields, client_id: undefined }, {}],
    "two ways": ["invalid_request", { ...fields, client_secret: apps.web.secret }, credentials(apps.web)],
    "another client_id": ["invalid_request", { ...fields, client_id: apps.rival.client_id }, credentials(apps.web)],
    "a public app with a secret": ["invalid_client", { ...request(apps.spa).fields, client_secret: "x" }, {}],
    "an API": ["invalid_client", { ...fields, client_id: undefined }, credentials(apis.projects.credential)],
  };
  for (const [name, [error, body, headers]] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await push(apps.web, body, { headers }), error));
  for (const app of unavailable)
    await t.test(app.status, async () =>
      expectRefusal(await push(app, request(app).fields), ["invalid_client", "unauthorized_client"]),
    );
  await t.test("credentials in the address", async () => {
    const query = form({ client_id: apps.web.client_id, client_secret: apps.web.secret });
    const answer = await latchkey.fetch(`${PAR}?${query}`, { method: "POST", body: form(fields) });
    await expectRefusal(answer, "invalid_client");
  });
});

// Rule: PAR 4
test("another method is 405, another type invalid_request, and too much of it 413", async () => {
  const { fields } = request(apps.web);
  for (const method of ["GET", "PUT", "DELETE"]) {
    const answer = await latchkey.fetch(`${PAR}?${form(fields)}`, { method, headers: credentials(apps.web) });
    assert.equal(answer.status, 405, method);
    assert.match(answer.headers.get("allow"), /POST/);
  }
  const json = { ...credentials(apps.web), "content-type": "application/json" };
  await expectRefusal(await push(apps.web, {}, { headers: json, body: JSON.stringify(fields) }), "invalid_request");
  for (const size of [10_000, 60_000, 1_000_000]) {
    const ignored = await push(apps.web, { ...fields, claims: "x".repeat(size) });
    assert.equal(ignored.status, size < 64_000 ? 201 : 413);
    const kept = await push(apps.web, { ...fields, state: "x".repeat(size) });
    assert.ok([400, 413].includes(kept.status), `${size}: ${kept.status}`);
    assert.match(kept.headers.get("content-type"), /^application\/json/);
  }
  const resource = Array.from({ length: 60 }, () => apis.projects.resource + "/".repeat(100));
  const hint = { ...fields, login_hint: "x".repeat(20_000) };
  for (const body of [hint, { ...fields, resource }])
    assert.ok([201, 400, 413].includes((await push(apps.web, body)).status));
});

// Rule: PAR 4
test("what needs a user is not asked at the push", async () => {
  const { fields } = request(apps.web, { prompt: "none" });
  const answer = await push(apps.web, fields);
  assert.equal(answer.status, 201);
  const { request_uri } = await answer.json();
  const later = await latchkey.fetch(link(apps.web, request_uri));
  expectErrorRedirect(later, { redirect_uri: CALLBACK, error: "login_required", state: fields.state });
});

// Rule: PAR 3, PAR 5, AUTHZ 35
test("a request_uri is worth nothing to another app, changed, invented or repeated", async (t) => {
  const { request_uri } = await pushed(apps.web);
  const at = request_uri.length - 20;
  const bent = request_uri.slice(0, at) + (request_uri[at] === "A" ? "B" : "A") + request_uri.slice(at + 1);
  const cases = {
    "another app": link(apps.rival, request_uri),
    "another app, with a redirect of its own": link(apps.rival, request_uri, { redirect_uri: CALLBACK }),
    "an unknown app": link({ client_id: "app_nobody" }, request_uri),
    "no app": `/oauth/authorize?${form({ request_uri })}`,
    "one letter changed": link(apps.web, bent),
    "cut short": link(apps.web, request_uri.slice(0, -4)),
    "longer": link(apps.web, `${request_uri}A`),
    "in capitals": link(apps.web, request_uri.toUpperCase()),
    "invented": link(apps.web, "urn:ietf:params:oauth:request_uri:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    "empty behind the prefix": link(apps.web, "urn:ietf:params:oauth:request_uri:"),
    "twice": link(apps.web, [request_uri, request_uri]),
    "two client_ids": link({ client_id: [apps.web.client_id, apps.web.client_id] }, request_uri),
    "very long": link(apps.web, `urn:ietf:params:oauth:request_uri:${"A".repeat(9000)}`),
  };
  for (const [name, path] of Object.entries(cases))
    await t.test(name, async () => expectErrorPage(await latchkey.fetch(path)));
  const good = await latchkey.fetch(link(apps.web, request_uri));
  assert.equal(good.status, 303);
});

// Rule: PAR 5
test("nothing but client_id and request_uri counts in the link", async () => {
  const { grant, request_uri } = await pushed(apps.web, { scope: "read:profile", state: "pushed" });
  const wishes = {
    scope: "read:profile write:projects",
    state: "link",
    redirect_uri: "https://evil.example/",
    response_type: "token",
    response_mode: "fragment",
    code_challenge: "x",
    code_challenge_method: "plain",
    prompt: "none",
    resource: "https://unknown.example",
    dpop_jkt: "x",
  };
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const page = await browser.authorize(link(apps.web, request_uri, wishes));
  const { leaves } = await browser.allow(page);
  assert.equal(leaves.origin + leaves.pathname, CALLBACK);
  assert.equal(leaves.searchParams.get("state"), "pushed");
  const { access_token } = await tokens(await redeem({ ...grant, code: leaves.searchParams.get("code") }));
  assert.equal(claimsOf(access_token).scope, "read:profile");
});

// Rule: PAR 3
test("a request_uri may be reloaded until it is decided, and brings one code at most", async () => {
  const { request_uri } = await pushed(apps.web);
  const browser = await signedIn(latchkey, await newUser(latchkey));
  await browser.authorize(link(apps.web, request_uri));
  const page = await browser.authorize(link(apps.web, request_uri));
  assert.equal(page.status, 200);
  const first = await browser.allow(page);
  const code = first.leaves.searchParams.get("code");
  assert.ok(code);
  await latchkey.run("UPDATE decisions SET decided_at = decided_at - 60000");
  const again = await browser.authorize(link(apps.web, request_uri));
  const late = again.forms?.length ? await browser.allow(again) : again;
  assert.equal(late.leaves?.searchParams.get("code") ?? null, null, "a second code");
  const other = await signedIn(latchkey, await newUser(latchkey));
  const stolen = await other.authorize(link(apps.web, request_uri));
  const theirs = stolen.forms?.length ? await other.allow(stolen) : stolen;
  assert.equal(theirs.leaves?.searchParams.get("code") ?? null, null, "a code for somebody else");
});

// Rule: PAR 7, FAPI 16
test("an app that must push is refused at the door, by redirect, and let in with what it pushed", async () => {
  const app = await newAppWith(latchkey, { require_pushed_authorization_requests: 1 });
  const plain = await latchkey.fetch(authorizationRequest(app, { state: "s" }).url);
  expectErrorRedirect(plain, { redirect_uri: CALLBACK, error: "invalid_request", state: "s" });
  const posted = new URL(authorizationRequest(app, { state: "s" }).url).searchParams;
  const browser = new Browser(latchkey);
  const { leaves } = await browser.open("/oauth/authorize", { method: "POST", body: posted });
  assert.equal(leaves.searchParams.get("error"), "invalid_request");
  const { request_uri } = await pushed(app);
  assert.match((await latchkey.fetch(link(app, request_uri))).headers.get("location"), /^\/login/);
});

const [key, another] = [await newKey(), await newKey()];
const sender = new ProofSender(latchkey);
const pushWith = (client, signer, parameters) => {
  const { grant, fields } = request(client, parameters);
  const send = () => ({ headers: credentials(client), fields });
  return sender.post(PAR, signer, send).then((answer) => ({ grant, answer }));
};

// Rule: PAR 8, DPOP 6, FAPI 13
test("a code whose request was pushed with a proof, with dpop_jkt or with both is redeemed with that key only", async (t) => {
  const ways = {
    proof: [key, {}],
    dpop_jkt: [undefined, { dpop_jkt: key.thumbprint }],
    both: [key, { dpop_jkt: key.thumbprint }],
  };
  for (const [name, [signer, parameters]] of Object.entries(ways)) {
    await t.test(name, async () => {
      const { grant, answer } = await pushWith(apps.web, signer, parameters);
      assert.equal(answer.status, 201, await answer.clone().text());
      const browser = await signedIn(latchkey, await newUser(latchkey));
      const page = await browser.authorize(link(apps.web, (await answer.json()).request_uri));
      const code = (await browser.allow(page)).leaves.searchParams.get("code");
      const { code_verifier, redirect_uri } = grant;
      const fields = { grant_type: "authorization_code", code, code_verifier, redirect_uri };
      const send = () => ({ headers: credentials(apps.web), fields });
      for (const wrong of [another, undefined])
        await expectRefusal(await sender.post("/oauth/token", wrong, send), ["invalid_grant", "invalid_dpop_proof", "invalid_request"]);
      const { token_type, access_token } = await tokens(await sender.post("/oauth/token", key, send));
      assert.deepEqual([token_type, claimsOf(access_token).cnf], ["DPoP", { jkt: key.thumbprint }]);
    });
  }
});

// Rule: PAR 8
test("a proof by another key than dpop_jkt says is refused, and so is a bad proof", async () => {
  const { answer } = await pushWith(apps.web, key, { dpop_jkt: another.thumbprint });
  await expectRefusal(answer, ["invalid_dpop_proof", "invalid_request"]);
  const { fields } = request(apps.web);
  const send = () => ({ headers: credentials(apps.web), fields });
  for (const changes of [{ claims: { htu: `${ISSUER}/oauth/token` } }, { claims: { htm: "GET" } }, { dpop: "x" }])
    await expectRefusal(await sender.post(PAR, key, send, changes), "invalid_dpop_proof");
});

// Rule: PAR 3
test("nothing is written for a pushed request, so nobody can fill a table with them", async () => {
  const count = async () => {
    const names = await latchkey.rows(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT IN (${COUNTED})`);
    return Promise.all(names.map(({ name }) => latchkey.count(name)));
  };
  const before = await count();
  for (let round = 0; round < 20; round++) await pushed(apps.spa);
  assert.deepEqual(await count(), before);
});
