import assert from "node:assert/strict";
import test from "node:test";
import { expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { basic, form } from "./support/oauth.mjs";
import { apps } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { client_id, secret } = apps.web;
const headers = { authorization: basic(client_id, secret) };
const post = (body, more = {}) =>
  latchkey.fetch("/oauth/token", { method: "POST", headers: { ...headers, ...more }, body });
const good = { grant_type: "refresh_token", refresh_token: "lkr_x" };

// Covers: R48
// Rule: TOKEN 1
test("the token endpoint takes POST and nothing else", async () => {
  for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
    const answer = await latchkey.fetch(`/oauth/token?${form(good)}`, { method, headers });
    assert.equal(answer.status, 405, method);
    assert.match(answer.headers.get("allow"), /POST/);
  }
});

// Covers: R48, R54
// Rule: TOKEN 1, PEER 14
test("anything but a form is an invalid request", async () => {
  const bodies = [
    [JSON.stringify(good), "application/json"],
    [form(good).toString(), "text/plain"],
    [form(good).toString(), "multipart/form-data; boundary=x"],
    [form(good).toString(), "application/x-www-form-urlencodedx"],
    [form(good).toString(), ";;;"],
    ["", "application/x-www-form-urlencoded"],
    ["%FF%FE=%80", "application/x-www-form-urlencoded"],
  ];
  for (const [body, type] of bodies) await expectRefusal(await post(body, { "content-type": type }), "invalid_request");
});

// Rule: TOKEN 1
test("letters and parameters of the content type do not matter", async () => {
  for (const type of ["Application/X-WWW-Form-Urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"])
    await expectRefusal(await post(form(good).toString(), { "content-type": type }), "invalid_grant");
});

// Covers: R6, R48, R54
// Rule: TOKEN 2, TOKEN 9, NATIVE 4
test("grants that are missing or not offered are named as such", async (t) => {
  const cases = [
    ["invalid_request", {}],
    ["invalid_request", { grant_type: "" }],
    ["invalid_request", { grant_type: ["refresh_token", "refresh_token"], refresh_token: "lkr_x" }],
    ["invalid_request", { grant_type: "refresh_token" }],
    ["invalid_request", { grant_type: "refresh_token", refresh_token: "" }],
    ["invalid_request", { grant_type: "refresh_token", refresh_token: ["lkr_x", "lkr_x"] }],
    ["invalid_request", { ...good, scope: ["read:profile", "read:team"] }],
    ["unsupported_grant_type", { grant_type: "password", username: "alice", password: "x" }],
    ["unsupported_grant_type", { grant_type: "implicit" }],
    ["unsupported_grant_type", { grant_type: "REFRESH_TOKEN", refresh_token: "lkr_x" }],
    ["unsupported_grant_type", { grant_type: "urn:ietf:params:oauth:grant-type:device_code" }],
  ];
  for (const [error, fields] of cases)
    await t.test(`${error}: ${JSON.stringify(fields)}`, async () => expectRefusal(await post(form(fields)), error));
});

// Rule: TOKEN 2
test("unknown parameters are ignored", async () => {
  await expectRefusal(await post(form({ ...good, foo: "bar", audience: "x" })), "invalid_grant");
});

// Rule: TOKEN 11, NATIVE 3
test("any site's script may call the token endpoint, without credentials of the browser", async () => {
  const origin = "https://app.example";
  const answer = await post(form(good), { origin });
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("access-control-allow-credentials"), null);
  assert.match(answer.headers.get("access-control-expose-headers"), /www-authenticate/i);
  const preflight = await latchkey.fetch("/oauth/token", {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
  assert.ok(preflight.ok);
  assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
  for (const name of ["authorization", "content-type", "dpop", "mcp-protocol-version"])
    assert.ok(preflight.headers.get("access-control-allow-headers").toLowerCase().includes(name), name);
});
