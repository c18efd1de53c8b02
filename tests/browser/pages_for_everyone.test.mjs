// What people do works for everyone: without script, and by keyboard alone. (gallery.test.mjs looks at each page.)
import assert from "node:assert/strict";
import { test } from "node:test";
import { platform } from "./support/platform.mjs";
import {
  arriveAtConsent,
  beginDisconnected,
  heading,
  press,
  signIn,
  startConnecting,
  visit,
} from "./support/visitor.mjs";

beginDisconnected(import.meta);

// Covers: R73
test("without script people sign in, connect, deny, revoke and sign out", async (t) => {
  const page = await visit(t, { javaScriptEnabled: false });
  await startConnecting(page);
  await signIn(page, "nobody");
  await page.getByText("Nobody has this user name.").waitFor();
  await signIn(page);
  await press(page, "Deny");
  await heading(page).and(page.getByText("Nothing was connected")).waitFor();
  await press(page, "Try again");
  await press(page, "Allow Access");
  await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
  await page.goto(`${platform.issuer}/account/apps`);
  await page.getByRole("link", { name: "Revoke Access of Northwind Planner" }).click();
  await press(page, "Revoke Access");
  await page.getByText("Access revoked.").waitFor();
  await page.getByRole("link", { name: "Sign out" }).click();
  await press(page, "Sign out");
  await heading(page).and(page.getByText("You are signed out")).waitFor();
});

test("by keyboard alone people sign in and decide, and always see where they are", async (t) => {
  const page = await visit(t);
  await startConnecting(page);
  await page.getByLabel("User name").and(page.locator(":focus")).waitFor();
  await page.keyboard.type("alice");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Allow Access" }).waitFor();
  await page.waitForLoadState();
  const stops = [];
  for (let stop = 0; stop < 3; stop++) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    stops.push(await focused.innerText());
    const outline = await focused.evaluate((element) => getComputedStyle(element).outlineStyle);
    assert.equal(outline, "solid", stops.at(-1));
  }
  assert.deepEqual(stops, ["Use another account", "Deny", "Allow Access"]);
  await page.keyboard.press("Enter");
  await heading(page).and(page.getByText("Alice Archer’s projects")).waitFor();
});

test("Enter on the consent page decides nothing until a button has the focus", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  const posts = [];
  page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Allow Access" }).hover();
  assert.deepEqual(posts, []);
});
