// workerd dies in the middle of its work and is started again on what it has kept. LATCHKEY_CRASHES: how often
// (`make scale` asks for more).
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apps, newUser } from "./support/platform.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

const CRASHES = Number(process.env.LATCHKEY_CRASHES ?? 2);
const CLIENTS = 16;

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const assembled = await assembleWorker();
const home = await mkdtemp(path.join(tmpdir(), "latchkey-crash-"));

// Refreshes without end. A client that gets no answer keeps the last token it was given, and tries that again.
class Client {
  refreshed = 0;
  lost = 0;

  constructor(app, { refresh_token }) {
    this.app = app;
    this.token = refresh_token;
  }

  // Until the server is gone; a refusal is what must not happen.
  async work({ refresh }) {
    for (;;) {
      let answer;
      try {
        answer = await refresh(this.app, this.token);
      } catch {
        this.lost++;
        return;
      }
      await this.take(answer);
    }
  }

  async take(answer) {
    const text = await answer.text();
    assert.equal(answer.status, 200, `after ${this.refreshed} refreshes and ${this.lost} lost replies: ${text}`);
    this.token = JSON.parse(text).refresh_token;
    this.refreshed++;
  }
}

// The one that runs; workerd would outlive a test that fails.
let latchkey;
test.after(async () => {
  await latchkey.worker.stop();
  await Promise.all([assembled.remove(), rm(home, { recursive: true, force: true })]);
});
const start = async () => {
  latchkey = await startOwnLatchkey(assembled, home);
};

test("workerd killed under load: each client's last refresh token still works after the restart", async () => {
  await start();
  const clients = [];
  for (let made = 0; made < CLIENTS; made++) {
    const app = made % 2 ? apps.web : apps.spa;
    const browser = await signedIn(latchkey, await newUser(latchkey));
    clients.push(new Client(app, await oauthClient(latchkey).connect(browser, app)));
  }
  for (let crash = 0; crash < CRASHES; crash++) {
    const before = clients.map(({ refreshed }) => refreshed);
    const work = clients.map((client) => client.work(oauthClient(latchkey)));
    await sleep(300 + Math.random() * 700);
    latchkey.worker.kill();
    await Promise.all(work);
    assert.ok(
      clients.some(({ refreshed }, index) => refreshed > before[index]),
      "nobody was served before the crash",
    );
    await latchkey.worker.stop();
    await start();
    const { refresh } = oauthClient(latchkey);
    await Promise.all(clients.map(async (client) => client.take(await refresh(client.app, client.token))));
  }
});
