// The main job, as a person sees it: connect an app, use it, take the access back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { publicApp } from "./support/other_sites.mjs";
import { platform } from "./support/platform.mjs";
import {
  arriveAtConsent,
  beginDisconnected,
  connect,
  connectedApps,
  heading,
  press,
  signIn,
  startConnecting,
  visit,
} from "./support/visitor.mjs";

const projects = (page) => page.locator(".projects h2").allInnerTexts();

beginDisconnected(import.meta);

// Covers: R1, R7, R38, R41
test("after signing in and Allow, the partner app shows the user's own projects", async (t) => {
  const page = await visit(t);
  await startConnecting(page);
  assert.equal(new URL(page.url()).pathname, "/login");
  await signIn(page, "alice");
  await heading(page).and(page.getByText("Authorize Northwind Planner")).waitFor();
  await press(page, "Allow Access");
  await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
  assert.equal(page.url(), `${platform.partner}/projects`);
  assert.deepEqual((await projects(page)).slice(-3), ["Garden renovation", "Boat refit", "Reading group"]);
});

// Covers: R42
test("the consent page names the app, its developer, the account, every permission, and how to take it back", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  const text = await page.getByRole("main").innerText();
  for (const words of [
    "Authorize Northwind Planner",
    "by Northwind Labs",
    "Northwind Planner wants to access your Acme Projects account",
    "Alice Archer",
    "This application will be able to:",
    "You can revoke this access at any time in your account settings.",
  ])
    assert.ok(text.includes(words), `${words}\n${text}`);
  assert.deepEqual(await page.getByRole("listitem").allInnerTexts(), [
    "View your basic profile information",
    "View your projects and tasks",
    "Create and update your projects",
  ]);
});

test("Deny and Allow stand side by side, alike in size and looks, and neither has the focus", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  await page.waitForLoadState();
  const looks = (name) =>
    page.getByRole("button", { name }).evaluate((button) => {
      const { color, backgroundColor, borderColor, fontSize, fontWeight } = getComputedStyle(button);
      const { width, height, top } = button.getBoundingClientRect();
      const focused = button === document.activeElement;
      return { color, backgroundColor, borderColor, fontSize, fontWeight, width, height, top, focused };
    });
  const deny = await looks("Deny");
  assert.deepEqual(await looks("Allow Access"), deny);
  assert.equal(deny.focused, false);
});

// Covers: R41
test("after Deny the partner app says that nothing was connected, and nothing is", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  await press(page, "Deny");
  await heading(page).and(page.getByText("Nothing was connected")).waitFor();
  assert.equal(page.url(), `${platform.partner}/connect/refused`);
  assert.deepEqual(await connectedApps(page), []);
});

// Covers: R45
test("an app that is connected already is not connected again without being asked", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  await page.context().clearCookies({ domain: "127.0.0.1" }); // the partner app sees a stranger
  await startConnecting(page);
  await heading(page).and(page.getByText("Authorize Northwind Planner")).waitFor();
});

// Covers: R50
test("the partner app renews its access and creates a project with it", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  await press(page, "Refresh now");
  await page.getByText("Renewed once").waitFor();
  const name = `Treehouse ${Date.now()}`;
  await page.getByLabel("Name").fill(name);
  await press(page, "Create project");
  await page.getByRole("heading", { name }).waitFor();
});

test("Disconnect at the partner app ends the access at the platform too", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  await press(page, "Disconnect");
  await page.getByRole("button", { name: "Connect to Acme Projects" }).waitFor();
  await page.goto(`${platform.partner}/projects`);
  assert.equal(page.url(), `${platform.partner}/`);
});

// Covers: R68, R69, R70, R71
test("Revoke Access on the page of connected apps ends it at once, and the partner app notices", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  await page.goto(`${platform.issuer}/account/apps`);
  const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Northwind Planner" }) });
  const text = await card.innerText();
  for (const words of ["by Northwind Labs", "Connected on", "Last used", "Permissions granted:", "View your projects"])
    assert.ok(text.includes(words), `${words}\n${text}`);
  await card.getByRole("link", { name: /Revoke Access/ }).click();
  await heading(page).and(page.getByText("Revoke access of Northwind Planner?")).waitFor();
  await press(page, "Revoke Access");
  await page.getByRole("status").and(page.getByText("Access revoked.")).waitFor();
  await page.getByText("No applications are currently connected to your account.").waitFor();
  await page.goto(`${platform.partner}/projects`);
  await heading(page).and(page.getByText("The access was taken back")).waitFor();
});

// Covers: R9, R11, R72
test("two apps have tokens of their own, and revoking one leaves the other connected", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  const other = await publicApp(t);
  await page.goto(other.url);
  await press(page, "Allow Access");
  await page.getByText("Back at the app").waitFor();
  const tokens = await other.redeem(page.url());
  const claims = JSON.parse(Buffer.from(tokens.access_token.split(".")[1], "base64url"));
  assert.equal(claims.client_id, other.client_id);
  assert.deepEqual(await connectedApps(page), ["Northwind Planner", "Pocket Projects"]);

  await page.goto(`${platform.issuer}/account/apps`);
  await page.getByRole("link", { name: "Revoke Access of Northwind Planner" }).click();
  await press(page, "Revoke Access");
  await page.getByText("Access revoked.").waitFor();
  assert.deepEqual(await connectedApps(page), ["Pocket Projects"]);
  const authorization = `Bearer ${tokens.access_token}`;
  const answer = await page.request.get(`${platform.resource}/projects`, { headers: { authorization } });
  assert.equal(answer.status(), 200);
});

test("who is signed in can go on as somebody else, and that account is the one connected", async (t) => {
  const page = await visit(t);
  await startConnecting(page);
  await signIn(page, "alice");
  await page.getByRole("link", { name: "Use another account" }).click();
  await signIn(page, "ben");
  await page.getByText("You are signed in as Ben Okafor").waitFor();
  await press(page, "Allow Access");
  await heading(page).and(page.getByText("Ben Okafor’s projects")).waitFor();
  assert.deepEqual((await projects(page)).slice(-2), ["Night market stall", "Marathon"]);
});

// Covers: B20
test("a double click on Allow connects once, and ends at the projects", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  await page.getByRole("button", { name: "Allow Access" }).dblclick();
  await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
  assert.deepEqual(await connectedApps(page), ["Northwind Planner"]);
});

// Covers: B20
test("going back after Allow and deciding again changes nothing", async (t) => {
  let rounds = 0;
  for (const again of ["Allow Access", "Deny"]) {
    const page = await visit(t, { as: "alice" });
    await connect(page);
    rounds++;
    await page.goBack();
    await press(page, again);
    const decided = heading(page).and(page.getByText("You have already decided"));
    await decided.or(heading(page).and(page.getByText("Alice Archer’s projects"))).waitFor();
    await page.goto(`${platform.partner}/projects`);
    await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
    // The site runs on this device, so every time it connects is a connection of its own; there is one for each round.
    assert.equal((await connectedApps(page)).length, rounds);
  }
});

test("signing out asks first, and connected apps stay connected", async (t) => {
  const page = await visit(t);
  await startConnecting(page);
  await signIn(page);
  await press(page, "Allow Access");
  await page.getByRole("button", { name: "Disconnect" }).waitFor();
  await page.goto(`${platform.issuer}/account/apps`);
  await page.getByRole("link", { name: "Sign out" }).click();
  await press(page, "Sign out");
  await heading(page).and(page.getByText("You are signed out")).waitFor();
  await page.goto(`${platform.partner}/projects`);
  await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
});

test("a user name that nobody has is said to be unknown, and may be corrected", async (t) => {
  const page = await visit(t);
  await startConnecting(page);
  await signIn(page, "alcie");
  await page.getByRole("alert").and(page.getByText("Nobody has this user name.")).waitFor();
  assert.equal(await page.getByLabel("User name").inputValue(), "alcie");
  await signIn(page, "alice");
  await page.getByRole("button", { name: "Allow Access" }).waitFor();
});
