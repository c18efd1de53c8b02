// Another Worker of the operator's, as docs/api-guard.md has it, that asks over a service binding.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { createTestHarness } from "wrangler";
import { signedIn } from "./support/browser.mjs";
import { Latchkey, secrets, vars } from "./support/harness.mjs";
import { claimsOf, oauthClient } from "./support/oauth.mjs";
import { apis, apps, loadPlatform, newUser } from "./support/platform.mjs";
import { assembleWorker, configPath } from "./support/worker_directory.mjs";

const documented = await readFile(path.join(path.dirname(configPath), "docs/api-guard.md"), "utf8");
const block = (language) => documented.split(`\`\`\`${language}\n`)[1].split("```")[0];

const folder = await mkdtemp(path.join(tmpdir(), "latchkey-binding-"));
const callerConfig = path.join(folder, "wrangler.toml");
await writeFile(path.join(folder, "worker.mjs"), block("js"));
await writeFile(
  callerConfig,
  `name = "caller"\nmain = "worker.mjs"\ncompatibility_date = "2026-11-17"\n${block("toml")}`,
);
const assembled = await assembleWorker();
const { client_id, secret } = apis.projects.credential;
const server = createTestHarness({
  workers: [
    { configPath, prebuiltWorkerDir: assembled.directory, vars, secrets },
    { configPath: callerConfig, vars: { CLIENT_ID: client_id, CLIENT_SECRET: secret } },
  ],
});
after(async () => {
  await server.close();
  await assembled.remove();
  await rm(folder, { recursive: true, force: true });
});
await server.listen();
const worker = server.getWorker("latchkey");
await worker.applyD1Migrations("DB");
const env = await worker.getEnv();
await loadPlatform(env.DB);
const latchkey = new Latchkey(server, worker, env);
await latchkey.run(
  "UPDATE apis SET route_rules = ?1 WHERE id = ?2",
  JSON.stringify([{ methods: ["GET"], path: "/projects", scopes: ["read:projects"] }]),
  apis.projects.id,
);
const { access_token } = await oauthClient(latchkey).connect(await signedIn(latchkey, await newUser(latchkey)), apps.web);
const call = (target, headers = {}) =>
  server.getWorker("caller").fetch(`https://api.example${target}`, { headers: Object.entries(headers) });

// Covers: R64, R65
test("a Worker lets through what Latchkey says yes to, and answers what Latchkey answers for the rest", async () => {
  const good = await call("/projects?limit=5", { Authorization: `Bearer ${access_token}` });
  assert.equal(good.status, 200);
  assert.deepEqual(await good.json(), { user: claimsOf(access_token).sub, path: "/projects" });
  const none = await call("/projects", { "Latchkey-User-Id": "usr_victim" });
  assert.equal(none.status, 401);
  assert.match(none.headers.get("www-authenticate"), /^Bearer resource_metadata=/);
  assert.equal((await call("/other", { Authorization: `Bearer ${access_token}` })).status, 404);
});
