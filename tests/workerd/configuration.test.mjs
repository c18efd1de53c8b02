import assert from "node:assert/strict";
import test from "node:test";
import { startIsolates } from "./support/isolates.mjs";

const paths = ["/", "/login", "/oauth/authorize", "/oauth/token", "/.well-known/jwks.json", "/api/user/connected-apps"];

const bad = {
  "the development sign-in on a public host": { vars: { ISSUER: "https://id.example" } },
  "an issuer without TLS on a public host": { vars: { ISSUER: "http://id.example", DEVELOPMENT_SIGN_IN: "false" } },
  "no sealing key": { secrets: { LATCHKEY_SECRET: "" } },
  "a sealing key that is too short": { secrets: { LATCHKEY_SECRET: "1:AAAA" } },
};
const isolates = await startIsolates(Object.keys(bad).length, (index) => Object.values(bad)[index]);

// Rule: META 2, UI 14
test("with a configuration that is not safe nothing is served", async (t) => {
  for (const [index, name] of Object.keys(bad).entries()) {
    await t.test(name, async () => {
      for (const path of paths) {
        const answer = await isolates[index].fetch(path);
        assert.equal(answer.status, 503, path);
        assert.match(answer.headers.get("content-type"), /^text\/html/);
      }
    });
  }
});
