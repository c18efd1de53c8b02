// UI 14: away from this machine everything is TLS.
import assert from "node:assert/strict";
import test from "node:test";
import { startIsolates } from "../support/isolates.mjs";

const [latchkey] = await startIsolates(1, () => ({
  vars: { ISSUER: "https://id.example", DEVELOPMENT_SIGN_IN: "false" },
}));

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
