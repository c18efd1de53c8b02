import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test from "node:test";
import { startIsolates } from "./support/isolates.mjs";

const paths = ["/", "/login", "/oauth/authorize", "/oauth/token", "/.well-known/jwks.json", "/api/user/connected-apps"];

const shortKey = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ format: "jwk" });
const publicKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const bad = {
  "the development sign-in on a public host": { vars: { ISSUER: "https://id.example" } },
  "local resources on a public host": {
    vars: {
      ISSUER: "https://id.example",
      DEVELOPMENT_SIGN_IN: "false",
      LOCAL_RESOURCES: "http://localhost:3000/mcp=https://mcp.example",
    },
  },
  "a local resource that stands for nothing": { vars: { LOCAL_RESOURCES: "http://localhost:3000/mcp" } },
  "an issuer without TLS on a public host": { vars: { ISSUER: "http://id.example", DEVELOPMENT_SIGN_IN: "false" } },
  "no sealing key": { secrets: { LATCHKEY_SECRET: "" } },
  "a sealing key that is too short": { secrets: { LATCHKEY_SECRET: "1:AAAA" } },
  "a signing key that is too short": { secrets: { SIGNING_KEY: JSON.stringify(shortKey) } },
  "a signing key that is a public one": { secrets: { SIGNING_KEY: JSON.stringify(publicKey) } },
  "a lifetime of signing keys that is no number": { vars: { SIGNING_KEY_DAYS: "a month" } },
  "a time that cannot be read": { vars: { ROTATE_SIGNING_KEYS_BEFORE: "yesterday" } },
  "the name of a revoked key with a letter missing": { vars: { REVOKED_SIGNING_KEYS: "A".repeat(42) } },
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
        const page = await answer.text();
        for (const secret of [shortKey.p, shortKey.d, publicKey.x]) assert.ok(!page.includes(secret));
      }
    });
  }
});
