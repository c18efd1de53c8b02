// STEPUP: an app that wants the user to have signed in lately, or in a certain way.
import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signedIn } from "../support/browser.mjs";
import { expectErrorRedirect } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { authorizationRequest, claimsOf, oauthClient } from "../support/oauth.mjs";
import { apps, CALLBACK, newUser } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, tokens } = oauthClient(latchkey);

// Rule: STEPUP 1
test("a user who signed in longer ago than max_age signs in again, and the token tells when", async () => {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const before = Math.floor(Date.now() / 1000);
  await sleep(2100);
  for (const max_age of ["0", "1"]) {
    const { url, ...grant } = authorizationRequest(apps.spa, { max_age });
    const login = await browser.authorize(url);
    assert.equal(login.url.pathname, "/login", `max_age=${max_age}`);
    const page = await browser.submit(login.forms[0], { fields: { username } });
    assert.equal(page.url.pathname, "/oauth/consent");
    const { leaves } = await browser.allow(page);
    const { access_token } = await tokens(await redeem({ ...grant, code: leaves.searchParams.get("code") }));
    const { auth_time, iat } = claimsOf(access_token);
    assert.ok(auth_time > before && auth_time <= iat, `${auth_time} after ${before}`);
    await sleep(2100);
  }
});

// Rule: STEPUP 1, AUTHZ 29
test("a user who signed in within max_age is not asked to sign in again", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const page = await browser.authorize(authorizationRequest(apps.spa, { max_age: "3600" }).url);
  assert.equal(page.url.pathname, "/oauth/consent");
});

// Rule: STEPUP 1
test("the consent page cannot be reached around the new sign-in", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  const answer = await browser.request(authorizationRequest(apps.spa, { prompt: "login" }).url);
  const consent = new URL(answer.headers.get("location"), "http://localhost:8787").searchParams.get("continue");
  const page = await browser.open(consent);
  assert.equal(page.url.pathname, "/login");
});

// Rule: STEPUP 1, AUTHZ 36
test("max_age that only a sign-in can meet is login_required under prompt=none", async () => {
  const browser = await signedIn(latchkey, await newUser(latchkey));
  await sleep(1100);
  const answer = await browser.request(authorizationRequest(apps.spa, { max_age: "0", prompt: "none", state: "s" }).url);
  expectErrorRedirect(answer, { redirect_uri: CALLBACK, error: "login_required", state: "s" });
});

// Rule: STEPUP 1, AUTHZ 36
test("an authentication that nobody here can do is refused, not replaced by a lesser one", async () => {
  for (const acr_values of ["urn:example:mfa", "phr phrh", "1"]) {
    const answer = await latchkey.fetch(authorizationRequest(apps.spa, { acr_values, state: "s" }).url);
    expectErrorRedirect(answer, { redirect_uri: CALLBACK, error: "unmet_authentication_requirements", state: "s" });
  }
});
