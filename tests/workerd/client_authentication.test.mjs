import assert from "node:assert/strict";
import test from "node:test";
import { expectRefusal } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { basic, form } from "./support/oauth.mjs";
import { addSecret, apis, apps, unapproved, unavailable } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { spa, web, rival } = apps;

// A refresh token that cannot be one: whoever passes authentication learns `invalid_grant`.
const attempt = (fields, { authorization, query = "", path = "/oauth/token" } = {}) =>
  latchkey.fetch(path + query, {
    method: "POST",
    headers: authorization === undefined ? {} : { authorization },
    body: form({ grant_type: "refresh_token", refresh_token: "lkr_x", ...fields }),
  });

const byBasic = (id, secret) => ({ authorization: basic(id, secret) });
const raw = (credentials) => ({ authorization: `Basic ${btoa(credentials)}` });
const percentEncoded = (text) => [...text].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join("");

// Covers: R5, R6, R49
// Rule: TOKEN 4, TOKEN 5, PEER 22
test("an app is let in by the way it chose", async (t) => {
  const cases = {
    Basic: [{}, byBasic(web.client_id, web.secret)],
    post: [{ client_id: web.client_id, client_secret: web.secret }],
    "Basic, and the same client_id in the body": [{ client_id: web.client_id }, byBasic(web.client_id, web.secret)],
    "Basic with every letter encoded": [{}, raw(`${percentEncoded(web.client_id)}:${percentEncoded(web.secret)}`)],
    "basic in small letters": [{}, { authorization: basic(web.client_id, web.secret).replace("Basic", "basic") }],
    "a public app by its name": [{ client_id: spa.client_id }],
    "a public app with an empty secret": [{ client_id: spa.client_id, client_secret: "" }],
  };
  for (const [name, [fields, options]] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await attempt(fields, options), "invalid_grant"));
});

test("both of two live secrets are good", async () => {
  const second = await addSecret(latchkey, apps.post);
  for (const secret of [apps.post.secret, second])
    await expectRefusal(await attempt({}, byBasic(apps.post.client_id, secret)), "invalid_grant");
});

// Covers: B24
// Rule: TOKEN 5, TOKEN 7, TOKEN 9, PEER 16
test("nobody else is let in", async (t) => {
  const cases = {
    nobody: [{}],
    "an unknown app": [{ client_id: "app_nobody" }],
    "an unknown app with a secret": [{}, byBasic("app_nobody", web.secret)],
    "a confidential app by its name alone": [{ client_id: web.client_id }],
    "a confidential app with an empty secret": [{ client_id: web.client_id, client_secret: "" }],
    "an empty secret in Basic": [{}, byBasic(web.client_id, "")],
    "the secret null": [{ client_id: web.client_id, client_secret: "null" }],
    "the secret undefined": [{ client_id: web.client_id, client_secret: "undefined" }],
    "the secret null in Basic": [{}, byBasic(web.client_id, "null")],
    "the secret undefined in Basic": [{}, byBasic(web.client_id, "undefined")],
    "another app's secret": [{}, byBasic(web.client_id, rival.secret)],
    "a secret with more letters": [{}, byBasic(web.client_id, `${web.secret}x`)],
    "a secret with fewer letters": [{}, byBasic(web.client_id, web.secret.slice(0, -1))],
    "a secret in capitals": [{}, byBasic(web.client_id, web.secret.toUpperCase())],
    "the stored hash as the secret": [{}, byBasic(web.client_id, "x".repeat(43))],
    "a public app with a secret": [{ client_id: spa.client_id, client_secret: "lks_x" }],
    "a public app with the secret null": [{ client_id: spa.client_id, client_secret: "null" }],
    "a public app with the secret undefined": [{ client_id: spa.client_id, client_secret: "undefined" }],
    "a public app by Basic": [{}, byBasic(spa.client_id, "lks_x")],
    "an API's credential": [{}, byBasic(apis.projects.credential.client_id, apis.projects.credential.secret)],
    "Basic that is not base64": [{}, { authorization: "Basic ???" }],
    "Basic without a colon": [{}, raw(web.client_id)],
    "Basic without a name": [{}, raw(`:${web.secret}`)],
    "Basic with nothing behind": [{}, { authorization: "Basic" }],
    "Basic that is no UTF-8": [{}, raw("\xff\xfe:\xff")],
    "an unknown scheme": [{}, { authorization: "Digest x" }],
  };
  for (const [name, [fields, options]] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await attempt(fields, options), "invalid_client"));
});

// Rule: TOKEN 6
test("two ways at once are an invalid request", async (t) => {
  const both = { client_id: web.client_id, client_secret: web.secret };
  const cases = {
    "Basic and post": [both, byBasic(web.client_id, web.secret)],
    "Basic and a secret in the body": [{ client_secret: web.secret }, byBasic(web.client_id, web.secret)],
    "Basic and another client_id": [{ client_id: rival.client_id }, byBasic(web.client_id, web.secret)],
    "client_id twice": [{ client_id: [web.client_id, web.client_id], client_secret: web.secret }],
    "client_secret twice": [{ client_id: web.client_id, client_secret: [web.secret, web.secret] }],
  };
  for (const [name, [fields, options]] of Object.entries(cases))
    await t.test(name, async () => expectRefusal(await attempt(fields, options), "invalid_request"));
});

// Rule: TOKEN 3
test("credentials in the address are refused, right ones too", async (t) => {
  const credentials = { client_id: web.client_id, client_secret: web.secret };
  const cases = [
    [{}, credentials],
    [{ client_id: web.client_id }, { client_secret: web.secret }],
    [{}, { client_id: spa.client_id }],
    [credentials, credentials],
  ];
  for (const [fields, query] of cases)
    await t.test(JSON.stringify([Object.keys(fields), Object.keys(query)]), async () =>
      expectRefusal(await attempt(fields, { query: `?${form(query)}` }), "invalid_client"),
    );
});

// Covers: R33, B1
test("an app that was rejected or suspended is refused before it gets to any grant", async (t) => {
  for (const app of unavailable) {
    for (const fields of [{}, { grant_type: "client_credentials", refresh_token: undefined }])
      await t.test(`${app.status} ${fields.grant_type ?? "refresh_token"}`, async () =>
        expectRefusal(await attempt(fields, byBasic(app.client_id, app.secret)), "invalid_client"),
      );
  }
});

// Covers: R33, B1
test("an app that waits for its review gets nothing for itself", async (t) => {
  const fields = { grant_type: "client_credentials", refresh_token: undefined };
  for (const app of unapproved)
    await t.test(app.status, async () =>
      expectRefusal(
        await attempt(fields, byBasic(app.client_id, app.secret)),
        // In test mode it is known, and acts for its testers alone.
        ["draft", "pending_review"].includes(app.status) ? "unauthorized_client" : "invalid_client",
      ),
    );
});

// Rule: REV 1, REV 7
test("revocation and introspection let in nobody else either", async (t) => {
  const token = { token: "lkr_x" };
  for (const path of ["/oauth/revoke", "/oauth/introspect"]) {
    await t.test(path, async () => {
      const cases = [
        [token],
        [{ ...token, client_id: web.client_id }],
        [{ ...token, client_id: web.client_id, client_secret: "null" }],
        [token, byBasic(web.client_id, rival.secret)],
        [token, byBasic("app_nobody", web.secret)],
        [token, { query: `?${form({ client_id: web.client_id, client_secret: web.secret })}` }],
      ];
      for (const [fields, options] of cases)
        await expectRefusal(await attempt(fields, { ...options, path }), "invalid_client");
      const good = await attempt(token, { ...byBasic(web.client_id, web.secret), path });
      assert.equal(good.status, 200);
    });
  }
});

test("a refusal does not tell an unknown app from a wrong secret", async () => {
  const texts = [];
  for (const id of [web.client_id, "app_nobody"])
    texts.push(await (await attempt({}, byBasic(id, "lks_wrong"))).text());
  assert.equal(texts[0], texts[1]);
});
