// UI 14: away from this machine everything is TLS.
import assert from "node:assert/strict";
import test from "node:test";
import { expectErrorPage, expectRefusal } from "../support/expect.mjs";
import { startIsolates } from "../support/isolates.mjs";
import { basic, form } from "../support/oauth.mjs";
import { apps, loadPlatform } from "../support/platform.mjs";

const [latchkey] = await startIsolates(1, () => ({
  vars: { ISSUER: "https://id.example", DEVELOPMENT_SIGN_IN: "false" },
}));

// Another host than the issuer's may be that of an API behind the gateway, which the directory knows.
await latchkey.worker.applyD1Migrations("DB");

// Rule: UI 14
test("behind TLS every answer tells the browser to stay there", async () => {
  for (const path of ["/", "/login", "/oauth/authorize", "/oauth/token", "/.well-known/oauth-authorization-server", "/x"]) {
    const answer = await latchkey.fetch(path);
    const [, seconds] = /max-age=(\d+)/.exec(answer.headers.get("strict-transport-security") ?? "") ?? [];
    assert.ok(seconds >= 31_536_000, path);
  }
});

// Rule: META 2, META 12, UI 14
test("every address in the metadata is under the https issuer, whatever host was asked", async () => {
  const metadata = await (await latchkey.fetch("/.well-known/oauth-authorization-server")).json();
  assert.equal(metadata.issuer, "https://id.example");
  for (const [member, value] of Object.entries(metadata))
    if (/_endpoint$|_uri$/.test(member)) assert.ok(value.startsWith("https://id.example/"), `${member}: ${value}`);
});

// Rule: UI 14
test("credentials that came without TLS are not looked at, good ones neither, and with TLS they are", async () => {
  await loadPlatform(latchkey.db);
  const { client_id, secret } = apps.server;
  const ask = (scheme) =>
    latchkey.worker.fetch(`${scheme}://id.example/oauth/token`, {
      method: "POST",
      headers: {
        authorization: basic(client_id, secret),
        "content-type": "application/x-www-form-urlencoded",
      },
      body: form({ grant_type: "client_credentials" }).toString(),
    });
  await expectRefusal(await ask("http"), "invalid_request");
  assert.equal((await ask("https")).status, 200);
});

// Rule: UI 14
test("a page that is asked for without TLS says so, and neither redirects nor sets a cookie", async () => {
  for (const path of ["/", "/login", "/oauth/authorize?client_id=x", "/account/apps"]) {
    const answer = await latchkey.worker.fetch(`http://id.example${path}`, {
      headers: { accept: "text/html" },
      redirect: "manual",
    });
    await expectErrorPage(answer);
    assert.equal(answer.headers.get("set-cookie"), null);
  }
});
