// The whole life of an app, as the people see it who have to do with it: its developer, testers, users, a reviewer and an
// administrator.
import assert from "node:assert/strict";
import { test as chapter } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { authorizeUrl } from "./support/people_and_apps.mjs";
import { platform } from "./support/platform.mjs";
import { connectedApps, heading, visit } from "./support/visitor.mjs";

const at = (path) => platform.issuer + path;
const NAME = "Harbour Planner";
const SITE = "https://harbour.example/callback";
const ON_MY_DEVICE = "http://127.0.0.1:53682/callback";
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"; // of the challenge that authorizeUrl sends
const CANNOT = { status: 400, heading: "This link does not work" };

const isHeaded = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const shows = (page, text) => page.getByText(text).first().waitFor();
const open = (page, path) => page.goto(at(path));
const isStatus = (page, status) => page.locator("h1 .status").and(page.getByText(status, { exact: true })).waitFor();

// A click, and the page that it leads to.
const follow = (page, target) => Promise.all([page.waitForEvent("load"), target.click()]);
const press = (page, name) => follow(page, page.getByRole("button", { name }));
const link = (page, name) => follow(page, page.getByRole("link", { name }));
const tab = (page, name) => follow(page, page.getByRole("navigation", { name: "App" }).getByRole("link", { name }));

// What is asked ten seconds from now holds at the latest: until then an isolate may know the app as it was.
async function withinTenSeconds(holds) {
  for (const end = Date.now() + 10_000; ; await sleep(250)) {
    const isLast = Date.now() >= end;
    if (await holds()) return;
    assert.ok(!isLast, `not within ten seconds: ${holds}`);
  }
}

// The app itself: at its address nobody answers, so what came there is read from what the browser asked for.
class App {
  constructor(client_id, secret) {
    Object.assign(this, { client_id, secret });
  }

  url(parameters) {
    return authorizeUrl(this, { redirect_uri: SITE, ...parameters });
  }

  async post(path, fields, secret = this.secret) {
    const authorization = `Basic ${btoa(`${this.client_id}:${secret}`)}`;
    const body = new URLSearchParams(fields);
    const answer = await fetch(at(path), { method: "POST", headers: { authorization }, body });
    return { status: answer.status, ...(await answer.json()) };
  }

  token(fields, secret) {
    return this.post("/oauth/token", fields, secret);
  }

  push() {
    return this.post("/oauth/par", new URL(this.url()).searchParams);
  }

  async refresh(tokens, secret) {
    const answer = await this.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token }, secret);
    if (answer.status === 200) Object.assign(tokens, answer);
    return answer;
  }

  // Whatever leads the browser back to the app's own site.
  async sentBack(page, redirect_uri, act) {
    const [request] = await Promise.all([page.waitForRequest((one) => one.url().startsWith(redirect_uri)), act()]);
    return Object.fromEntries(new URL(request.url()).searchParams);
  }

  async allowed(page, redirect_uri = SITE) {
    const { code } = await this.sentBack(page, redirect_uri, () => page.getByRole("button", { name: "Allow Access" }).click());
    const tokens = await this.token({ grant_type: "authorization_code", code, redirect_uri, code_verifier: VERIFIER });
    assert.equal(tokens.status, 200, JSON.stringify(tokens));
    return tokens;
  }

  async connect(page, { redirect_uri = SITE, ...parameters } = {}) {
    await page.goto(this.url({ redirect_uri, ...parameters }));
    await isHeaded(page, `Authorize ${NAME}`);
    return this.allowed(page, redirect_uri);
  }
}

// The Projects API asks Latchkey by introspection.
async function atTheApi({ access_token }) {
  const answer = await fetch(`${platform.resource}/projects`, { headers: { authorization: `Bearer ${access_token}` } });
  return answer.status;
}

// What alice gave the app is worth nothing, it can ask for nothing new, and she is not asked again.
async function isDead(alice) {
  const { app, alice: tokens } = life;
  for (const asked of [await app.refresh(tokens), await app.push()]) if (asked.error !== "invalid_client") return false;
  return (await atTheApi(tokens)) === 401 && arrives(alice, app.url(), CANNOT);
}

async function arrives(page, url, { status, heading: text }) {
  const answer = await page.goto(url).catch(() => undefined); // sent back to the app, where nobody answers
  return answer?.status() === status && (await heading(page).innerText()).includes(text);
}

// What one test leaves to the next. Each goes on where the one before it ended.
const life = { goesOn: true };

function test(name, story) {
  chapter(name, async (t) => {
    assert.ok(life.goesOn, "what comes before this failed");
    life.goesOn = false;
    await story(t);
    life.goesOn = true;
  });
}

// Covers: R21
test("a developer registers an app, and its secret is shown once", async (t) => {
  const page = await visit(t, { as: "dana" });
  await open(page, "/developers");
  await link(page, "Register an app");
  await page.getByLabel("Application Name").fill(NAME);
  await page.getByLabel("Description").fill("Plans the berths of a harbour.");
  await page.getByRole("textbox", { name: "Redirect URI 1" }).fill(SITE);
  await press(page, "Add Another URI");
  await page.getByRole("textbox", { name: "Redirect URI 2" }).fill(ON_MY_DEVICE);
  for (const name of ["Read user profile", "Read projects"]) await page.getByRole("checkbox", { name }).check();
  await press(page, "Register Application");
  await isHeaded(page, "Your application is registered");
  await page.getByText("Show the secret").click();
  const [client_id, secret] = await page.locator("code.copy").allInnerTexts();
  life.app = new App(client_id, secret);
  await link(page, "Go to the app");
  await isStatus(page, "Draft");
  await tab(page, "Credentials");
  assert.ok(!(await page.content()).includes(secret));
});

// Covers: R33
test("before its review it serves its developer and the tester they name, and no stranger", async (t) => {
  const [dana, ben, alice] = [await visit(t, { as: "dana" }), await visit(t, { as: "ben" }), await visit(t, { as: "alice" })];
  const { app } = life;
  assert.equal(await atTheApi(await app.connect(dana, { redirect_uri: ON_MY_DEVICE })), 200);
  assert.ok(await arrives(ben, app.url(), { status: 403, heading: "This app is still being tested" }));
  await open(dana, `/developers/apps/${app.client_id}/testing`);
  await dana.getByLabel("User name").fill("ben");
  await press(dana, "Add tester");
  await dana.getByRole("button", { name: "Remove ben" }).waitFor();
  assert.equal(await atTheApi(await app.connect(ben)), 200);
  assert.ok(await arrives(alice, app.url(), { status: 403, heading: "This app is still being tested" }));
});

// Covers: R17
test("what a submission lacks is named, and once it is there the app waits for a reviewer", async (t) => {
  const page = await visit(t, { as: "dana" });
  const submit = async () => {
    await tab(page, "Review");
    await page.getByLabel("Where and how the app can be tried").fill("At https://harbour.example as demo.");
    await press(page, "Submit for review");
  };
  await open(page, `/developers/apps/${life.app.client_id}`);
  await submit();
  const refused = await page.getByRole("alert").innerText();
  for (const field of ["homepage_url", "privacy_policy_url", "redirect_uris"]) assert.ok(refused.includes(field), refused);
  await isStatus(page, "Draft");
  await tab(page, "Settings");
  await page.getByLabel("Homepage").fill("https://harbour.example/");
  await page.getByLabel("Privacy policy").fill("https://harbour.example/privacy");
  const onMyDevice = page.locator(".row").filter({ has: page.locator(`input[value="${ON_MY_DEVICE}"]`) });
  await follow(page, onMyDevice.getByRole("button", { name: "Remove" }));
  await press(page, "Save");
  await submit();
  await isStatus(page, "In review");
  await shows(page, "A reviewer will look at it.");
});

async function openReview(page) {
  await open(page, "/admin/reviews");
  await link(page, NAME);
  await isHeaded(page, NAME);
}

// Covers: R31
test("a reviewer rejects it with a reason, its developer reads that, mends it and submits it again", async (t) => {
  const [dana, rita] = [await visit(t, { as: "dana" }), await visit(t, { as: "rita" })];
  await openReview(rita);
  await shows(rita, "At https://harbour.example as demo.");
  await rita.getByLabel("Why it is rejected").fill("Say for whom it is.");
  await press(rita, "Reject");
  await isHeaded(rita, "Reviews");
  assert.equal(await rita.getByRole("link", { name: NAME }).count(), 0);

  const { app } = life;
  await open(dana, `/developers/apps/${app.client_id}/review`);
  await isStatus(dana, "Rejected");
  await shows(dana, "Say for whom it is.");
  await withinTenSeconds(() => arrives(dana, app.url(), CANNOT));
  await open(dana, `/developers/apps/${app.client_id}/settings`);
  await dana.getByLabel("Description").fill("Plans the berths of a harbour, for harbour masters.");
  await press(dana, "Save");
  await isStatus(dana, "Draft");
  await tab(dana, "Review");
  await dana.getByLabel("Where and how the app can be tried").fill("As before.");
  await press(dana, "Submit for review");
  await isStatus(dana, "In review");
});

// Covers: R32, R33, B40
test("another person approves it, and a stranger uses it", async (t) => {
  const [dana, rita, alice] = [await visit(t, { as: "dana" }), await visit(t, { as: "rita" }), await visit(t, { as: "alice" })];
  assert.equal((await open(dana, "/admin/reviews")).status(), 403);
  await openReview(rita);
  await shows(rita, "for harbour masters");
  await press(rita, "Approve");
  await isHeaded(rita, "Reviews");
  const { app } = life;
  await open(dana, `/developers/apps/${app.client_id}/review`);
  await isStatus(dana, "Live");
  await withinTenSeconds(() => arrives(alice, app.url(), { status: 200, heading: `Authorize ${NAME}` }));
  life.alice = await app.allowed(alice);
  assert.equal(await atTheApi(life.alice), 200);
  assert.equal((await app.push()).status, 201);
  assert.ok((await connectedApps(alice)).includes(NAME));
});

// Covers: B40
test("an edit of the live app waits for its own review, and nobody's access stops meanwhile", async (t) => {
  const [dana, rita, alice] = [await visit(t, { as: "dana" }), await visit(t, { as: "rita" }), await visit(t, { as: "alice" })];
  const { app } = life;
  const more = { scope: "read:profile read:projects read:team" };
  const isRefusedToAsk = async () => {
    const { error } = await app.sentBack(alice, SITE, () => alice.goto(app.url(more)).catch(() => undefined));
    assert.equal(error, "invalid_scope");
  };
  await open(dana, `/developers/apps/${app.client_id}/permissions`);
  const team = dana.getByRole("group", { name: "Read team data" });
  await team.getByRole("checkbox", { name: "The app asks for it" }).check();
  await press(dana, "Save");
  await shows(dana, "Some changes are not in force");
  await isRefusedToAsk();
  await tab(dana, "Review");
  await dana.getByLabel("Where and how the app can be tried").fill("As before.");
  await press(dana, "Submit for review");
  await shows(dana, "What you submitted since waits for a reviewer.");
  await isStatus(dana, "Live");
  await isRefusedToAsk();
  assert.equal((await app.refresh(life.alice)).status, 200);

  await openReview(rita);
  await rita.getByRole("heading", { name: "What it changes" }).waitFor();
  const changed = rita.locator(".diff li").filter({ has: rita.locator(".mark.change") });
  assert.match(await changed.innerText(), /Read team data/);
  life.review = rita.url();
  await press(rita, "Approve");
  await isHeaded(rita, "Reviews");
  assert.equal((await app.refresh(life.alice)).status, 200);
  assert.equal(await atTheApi(life.alice), 200);
  await withinTenSeconds(() => arrives(alice, app.url(more), { status: 200, heading: `Authorize ${NAME}` }));
  await shows(alice, "View your team information");
  life.alice = await app.allowed(alice);
  assert.match(life.alice.scope, /read:team/);
});

test("its secret is rotated, and both work until the rotation is completed", async (t) => {
  const page = await visit(t, { as: "dana" });
  const { app } = life;
  const older = app.secret;
  await open(page, `/developers/apps/${app.client_id}/credentials`);
  await page.getByText("Rotate the secret").click();
  await press(page, "Start the rotation");
  const newer = await page.getByLabel("Client secret", { exact: true }).inputValue();
  for (const secret of [newer, older, newer]) assert.equal((await app.refresh(life.alice, secret)).status, 200);
  await link(page, "I have copied it");
  assert.ok(!(await page.content()).includes(newer));
  await page.getByText("Complete the rotation").last().click();
  await press(page, "End the older secret");
  await shows(page, "The older secret has ended.");
  app.secret = newer;
  assert.equal((await app.refresh(life.alice)).status, 200);
  await withinTenSeconds(async () => (await app.refresh(life.alice, older)).error === "invalid_client");
  assert.equal((await app.refresh(life.alice)).status, 200);
});

// Covers: R33
test("an administrator suspends it: within ten seconds it is dead; reinstated, it starts anew", async (t) => {
  const [dana, ada, alice] = [await visit(t, { as: "dana" }), await visit(t, { as: "ada" }), await visit(t, { as: "alice" })];
  const { app } = life;
  await ada.goto(life.review);
  await ada.getByLabel("Why the app is switched off").fill("It sends spam.");
  await press(ada, "Suspend the app");
  await isStatus(ada, "Suspended");
  await withinTenSeconds(() => isDead(alice));
  await open(dana, `/developers/apps/${app.client_id}/review`);
  await isStatus(dana, "Suspended");
  await shows(dana, "It sends spam.");

  await press(ada, "Reinstate the app");
  await isStatus(ada, "Live");
  await withinTenSeconds(() => arrives(alice, app.url({ prompt: "consent" }), { status: 200, heading: `Authorize ${NAME}` }));
  const again = await app.allowed(alice);
  assert.equal(await atTheApi(again), 200);
  assert.notEqual((await app.refresh(life.alice)).status, 200);
  assert.equal(await atTheApi(life.alice), 401);
  life.alice = again;
});

test("its developer deletes it, and nothing of it works any more", async (t) => {
  const [dana, alice] = [await visit(t, { as: "dana" }), await visit(t, { as: "alice" })];
  const { app } = life;
  await open(dana, `/developers/apps/${app.client_id}/settings`);
  await link(dana, "Delete…");
  await press(dana, "Delete this app");
  await isHeaded(dana, "My apps");
  assert.equal(await dana.getByRole("link", { name: NAME }).count(), 0);
  assert.equal((await open(dana, `/developers/apps/${app.client_id}`)).status(), 404);
  await withinTenSeconds(() => isDead(alice));
  await open(alice, "/account/apps");
  const card = alice.getByRole("listitem").filter({ has: alice.getByRole("heading", { name: NAME }) });
  await card.getByText("Access is being revoked.").waitFor();
});
