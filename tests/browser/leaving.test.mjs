// Pages whose buttons lead, by redirects, to another site. Chromium holds a form to `form-action` through all of them,
// and shows nothing when it stops one.
import { test } from "node:test";
import { authorizeUrl, connected, newApp, newPerson, SITE } from "./support/people_and_apps.mjs";
import { platform } from "./support/platform.mjs";
import { heading, press, signIn, visit } from "./support/visitor.mjs";

// From now on as where people have one way to sign in only: the platform's own page.
const oneWayToSignIn = (page) =>
  page.route(`${platform.issuer}/login?*`, (route) =>
    route.continue({ url: `${route.request().url()}&connection=con_acme` }),
  );

const atThePlatformsSignIn = (page) => page.waitForURL((url) => url.origin === platform.signIn, { timeout: 10_000 });

const atTheApp = (page) => page.waitForURL((url) => url.href.startsWith(SITE), { timeout: 10_000 });

// The site of an app that lives nowhere.
const appAnswers = (page) => page.route(`${SITE}*`, (route) => route.fulfill({ body: "connected" }));

// Rule: UI 13
test("Try again leads on to where people sign in, at another site", async (t) => {
  const page = await visit(t);
  await page.goto(`${platform.issuer}/login/callback/con_acme`);
  await heading(page).and(page.getByText("We could not sign you in")).waitFor();
  await oneWayToSignIn(page);
  await page.getByText("Try again", { exact: true }).click();
  await atThePlatformsSignIn(page);
});

test("a button pressed after the session is over says so, and leads to where people sign in", async (t) => {
  const person = await newPerson();
  await connected(person, await newApp());
  const page = await visit(t, { as: person.username });
  await page.goto(`${platform.issuer}/account/apps/revoke-all`);
  await page.context().clearCookies();
  await oneWayToSignIn(page);
  await press(page, "Revoke Access");
  await heading(page).and(page.getByText("You are signed out")).waitFor();
  await page.getByRole("link", { name: "Sign in again" }).click();
  await atThePlatformsSignIn(page);
});

// Rule: UI 13
test("signing in leads straight to the app of somebody who agreed before", async (t) => {
  const [person, app] = [await newPerson(), await newApp()];
  await connected(person, app);
  const page = await visit(t);
  await appAnswers(page);
  await page.goto(authorizeUrl(app));
  await signIn(page, person.username);
  await atTheApp(page);
});
