// The client package in a real page: its storage, its history, its locks, and requests from another origin.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import esbuild from "esbuild";
import { ROOT } from "../../tools/local-platform.mjs";
import { platform } from "./support/platform.mjs";
import { beginDisconnected, press, visit } from "./support/visitor.mjs";

beginDisconnected(import.meta);

const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>App</title><script type="module" src="/app.js"></script></html>`;

// An app of one page on a port of its own, bundled as a developer would.
async function serveApp(t) {
  const server = createServer();
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const { client_id } = platform.clients.find(({ kind }) => kind === "public");
  const options = {
    issuer: platform.issuer,
    clientId: client_id,
    api: platform.resource,
    redirectUri: `${origin}/callback`,
    scopes: ["read:projects"],
  };
  const { outputFiles } = await esbuild.build({
    stdin: {
      contents: `import { itemStorage, LatchkeyClient } from "./packages/client/src/index.ts";
        const client = (storage) => new LatchkeyClient({ ...${JSON.stringify(options)}, storage });
        window.apps = { tab: client(), shared: client(itemStorage(localStorage)) };
        if (location.pathname === "/callback") {
          const app = apps[sessionStorage.getItem("app")];
          document.title = await app.exchangeCodeForTokens().then(() => "connected", ({ code }) => code);
        } else document.title = "ready";`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  server.on("request", ({ url }, response) => {
    const script = url === "/app.js";
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
    response.end(script ? outputFiles[0].contents : PAGE);
  });
  return origin;
}

const titled = (page, title) => page.waitForFunction((wanted) => document.title === wanted, title);

async function connect(page, origin, app) {
  await page.goto(`${origin}/`);
  await titled(page, "ready");
  await page.evaluate((name) => sessionStorage.setItem("app", name), app);
  await page.evaluate(async (name) => location.assign(await window.apps[name].getAuthorizationUrl()), app);
  await press(page, "Allow Access");
  await titled(page, "connected");
}

// Covers: B25, B28
test("a page connects, its address has no code left, and its projects come from another origin", async (t) => {
  const origin = await serveApp(t);
  const page = await visit(t, { as: "alice" });
  await connect(page, origin, "tab");
  assert.equal(page.url(), `${origin}/callback`);
  const { projects } = await page.evaluate(() => window.apps.tab.apiCall("/projects"));
  assert.ok(projects.length > 0);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [], "the tab keeps its tokens to itself");
  await page.reload();
  await titled(page, "unknown_state");
  assert.equal((await page.evaluate(() => window.apps.tab.apiCall("/projects"))).projects.length, projects.length);
  assert.deepEqual(await page.evaluate(() => window.apps.tab.signOut()), { revoked: true });
  assert.equal(await page.evaluate(() => window.apps.tab.tokens()), undefined);
});

// Covers: B26
test("two tabs that renew at the same time take turns, and both stay connected", async (t) => {
  const origin = await serveApp(t);
  const first = await visit(t, { as: "alice" });
  await connect(first, origin, "shared");
  const second = await first.context().newPage();
  await second.goto(`${origin}/`);
  await titled(second, "ready");
  await first.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith(":tokens"));
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(localStorage.getItem(key)), expiresAt: Date.now() }));
  });
  let [underWay, atOnce] = [0, 0];
  await first.context().route("**/oauth/token", async (route) => {
    underWay += 1;
    atOnce = Math.max(atOnce, underWay);
    await sleep(1_000); // until the other tab wants one, too
    await route.continue();
    underWay -= 1;
  });
  const projects = (page) => page.evaluate(async () => (await window.apps.shared.apiCall("/projects")).projects.length);
  const [one, other] = await Promise.all([projects(first), projects(second)]);
  assert.ok(one > 0 && one === other);
  // Chromium tells other processes of a change of localStorage when it gets round to it, so the second may ask once more and
  // get the same successor.
  assert.equal(atOnce, 1, "both sent the same refresh token at the same time");
  await first.unrouteAll();
  for (const page of [first, second]) {
    await page.evaluate(() => window.apps.shared.refreshAccessToken());
    assert.equal(await projects(page), one);
  }
});
