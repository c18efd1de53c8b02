// The build of `make dev`. It checks what the release build leaves out, so what passes everywhere else may panic here.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apps } from "./support/platform.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

// tools/test has built it there.
const assembled = await assembleWorker(".local/dev-build");
const home = await mkdtemp(path.join(tmpdir(), "latchkey-dev-build-"));
const latchkey = await startOwnLatchkey(assembled, home);
after(async () => {
  await latchkey.worker.stop();
  await assembled.remove();
  await rm(home, { recursive: true, force: true });
});

test("the build of make dev answers, from the first page to the last token", async () => {
  const health = await latchkey.fetch("/healthz");
  assert.deepEqual([health.status, (await health.json()).status], [200, "ok"]);
  const client = oauthClient(latchkey);
  const { access_token } = await client.connect(await signedIn(latchkey), apps.web);
  assert.equal((await (await client.introspect(apps.web, access_token)).json()).active, true);
});
