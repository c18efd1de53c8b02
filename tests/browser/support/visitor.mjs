// Chromium, and what a person does in it. Every visitor has cookies of their own, which end with the test.
import assert from "node:assert/strict";
import { after, beforeEach } from "node:test";
import { chromium, request } from "playwright-core";
import { platform } from "./platform.mjs";

const browser = await chromium.launch({
  executablePath: process.env.LATCHKEY_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
after(() => browser.close());

// A page of a new visitor, with `options` as Playwright's newContext takes them; `as` is who has signed in already.
export async function visit(t, { as, ...options } = {}) {
  const storageState = as && (await (await account(as)).storageState());
  const context = await browser.newContext({ storageState, ...options });
  t.after(() => context.close());
  return context.newPage();
}

export const heading = (page) => page.getByRole("heading", { level: 1 });
export const press = (page, name) => page.getByRole("button", { name }).click();

// At the partner app, up to Latchkey's first page.
export async function startConnecting(page) {
  await page.goto(platform.partner);
  await press(page, "Connect to Acme Projects");
}

export async function signIn(page, username = "alice") {
  await page.getByLabel("User name").fill(username);
  await press(page, "Sign in");
}

// The consent page, for somebody who has signed in already.
export async function arriveAtConsent(page) {
  await startConnecting(page);
  await page.getByRole("button", { name: "Allow Access" }).waitFor();
}

// The user's projects at the partner app, for somebody who has signed in already.
export async function connect(page) {
  await arriveAtConsent(page);
  await press(page, "Allow Access");
  await page.getByRole("button", { name: "Disconnect" }).waitFor();
}

// The names of the apps that the signed-in user of this page has connected.
export async function connectedApps(page) {
  const answer = await page.request.get(`${platform.issuer}/api/user/connected-apps`);
  return (await answer.json()).map(({ name }) => name).sort();
}

const accounts = new Map();
after(() => Promise.all([...accounts.values()].map(async (signedIn) => (await signedIn).dispose())));

// A user's session without a window.
function account(username) {
  if (!accounts.has(username)) accounts.set(username, signedIn(username));
  return accounts.get(username);
}

async function signedIn(username) {
  const api = await request.newContext({ baseURL: platform.issuer, extraHTTPHeaders: { origin: platform.issuer } });
  const page = await (await api.get("/login?continue=%2Faccount%2Fapps")).text();
  const [, csrf] = /name="csrf" value="([^"]+)"/.exec(page);
  const answer = await api.post("/login?continue=%2Faccount%2Fapps", { form: { csrf, username } });
  assert.equal(answer.url(), `${platform.issuer}/account/apps`);
  return api;
}

// Before each test of the module, takes back whatever was granted before. All files run in one process, where a hook by
// itself would run before the tests of all of them.
export const beginDisconnected = ({ filename }) =>
  beforeEach(({ filePath }) => (filePath === filename ? disconnectEverybody() : undefined));

async function disconnectEverybody() {
  for (const username of ["alice", "ben"]) {
    const api = await account(username);
    const apps = await (await api.get("/api/user/connected-apps")).json();
    for (const { consent_id } of apps) await api.delete(`/api/user/connected-apps/${consent_id}`);
  }
}
