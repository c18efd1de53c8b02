// Every page works for everyone: without script, by keyboard, for screen readers, in the dark, on a small screen.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { before, beforeEach, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { ROOT } from "../../tools/local-platform.mjs";
import { platform } from "./support/platform.mjs";
import {
  arriveAtConsent,
  connect,
  disconnectEverybody,
  heading,
  press,
  signIn,
  startConnecting,
  visit,
} from "./support/visitor.mjs";

const SCREENSHOTS = path.join(ROOT, ".local", "screenshots");
const DESKTOP = { width: 1280, height: 800 };
const SMALL = { width: 320, height: 640 };

before(() => mkdir(SCREENSHOTS, { recursive: true }));
beforeEach(disconnectEverybody);

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
  await press(page, "Revoke Access of Northwind Planner");
  await page.getByText("Access revoked.").waitFor();
  await page.getByRole("link", { name: "Sign out" }).click();
  await press(page, "Sign out");
  await heading(page).and(page.getByText("Sign in to Acme Projects")).waitFor();
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

// Covers: B21
test("the consent page of an app on the web names the host that the answer goes to", async (t) => {
  const page = await visit(t, { as: "alice", viewport: DESKTOP, deviceScaleFactor: 2 });
  const { client_id, redirect_uris } = platform.clients.find(({ kind }) => kind === "post");
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri: redirect_uris.find((uri) => uri.startsWith("https:")),
    scope: "read:profile read:projects read:analytics",
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
  });
  await page.goto(`${platform.issuer}/oauth/authorize?${query}`);
  await page.getByText("Afterwards you will be sent to partner.example.").waitFor();
  // The picture of the README is a copy of this one.
  const { x, y, width, height } = await page.locator(".card").boundingBox();
  const clip = { x: x - 32, y: y - 60, width: width + 64, height: height + 100 };
  await page.screenshot({ path: path.join(SCREENSHOTS, "consent-for-readme.png"), clip });
});

// The platform's own sign-in page, by the link that Latchkey sends people there with.
const back = `${platform.issuer}/login/callback/con_acme?state=x`;
const platformSignIn = `${platform.signIn}/login?${new URLSearchParams({ nonce: "x", continue: back })}`;
const openApps = (page) => page.goto(`${platform.issuer}/account/apps`);

// How to get to each page. `as`: who has signed in before.
const pages = {
  "sign-in": { arrive: startConnecting },
  "sign-in, name unknown": {
    async arrive(page) {
      await startConnecting(page);
      await signIn(page, "nobody");
      await page.getByRole("alert").waitFor();
    },
  },
  consent: { as: "alice", arrive: arriveAtConsent },
  "connected apps": {
    as: "alice",
    async arrive(page) {
      await connect(page);
      await openApps(page);
    },
  },
  "access revoked": {
    as: "alice",
    async arrive(page) {
      await connect(page);
      await openApps(page);
      await press(page, "Revoke Access of Northwind Planner");
      await page.getByText("Access revoked.").waitFor();
    },
  },
  sessions: { as: "alice", arrive: (page) => page.goto(`${platform.issuer}/account/sessions`) },
  "sign-out": { as: "alice", arrive: (page) => page.goto(`${platform.issuer}/logout`) },
  "sign-out everywhere": { as: "alice", arrive: (page) => page.goto(`${platform.issuer}/account/sessions/end`) },
  "signed out": { arrive: (page) => page.goto(`${platform.issuer}/logout`) },
  message: { arrive: (page) => page.goto(`${platform.issuer}/oauth/authorize?client_id=nobody`) },
  home: { arrive: (page) => page.goto(platform.issuer) },
  "platform sign-in": { arrive: (page) => page.goto(platformSignIn) },
  "partner home": { arrive: (page) => page.goto(platform.partner) },
  "partner projects": { as: "alice", arrive: connect },
  "partner refused": {
    as: "alice",
    async arrive(page) {
      await arriveAtConsent(page);
      await press(page, "Deny");
      await heading(page).and(page.getByText("Nothing was connected")).waitFor();
    },
  },
};

for (const [name, { as, arrive }] of Object.entries(pages)) {
  test(`the page "${name}" is accessible in light and dark, and fits 320 pixels`, async (t) => {
    const page = await visit(t, { as, viewport: DESKTOP, colorScheme: "light" });
    await arrive(page);
    await page.waitForLoadState();
    const screenshot = (kind) =>
      page.screenshot({ path: path.join(SCREENSHOTS, `${name.replaceAll(/\W+/g, "-")}-${kind}.png`), fullPage: true });

    await screenshot("light");
    assert.deepEqual(await violations(new AxeBuilder({ page })), []);
    await page.emulateMedia({ colorScheme: "dark" });
    await screenshot("dark");
    assert.deepEqual(await violations(new AxeBuilder({ page }).withRules(["color-contrast"])), []);

    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(SMALL);
    await screenshot("small");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), SMALL.width);
    await page.evaluate(() => {
      for (const name of document.querySelectorAll("bdi")) name.textContent = "W".repeat(80);
    });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), SMALL.width, "with long names");
  });
}

async function violations(builder) {
  const { violations } = await builder.analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
