// TOKEN 17: no refresh token lives for ever.
import test from "node:test";
import { signedIn } from "../support/browser.mjs";
import { expectRefusal } from "../support/expect.mjs";
import { startLatchkey } from "../support/harness.mjs";
import { oauthClient } from "../support/oauth.mjs";
import { apps } from "../support/platform.mjs";

const latchkey = await startLatchkey();
const { refresh, tokens, connect } = oauthClient(latchkey);
const newFamily = async () => connect(await signedIn(latchkey), apps.web);
const next = async ({ refresh_token }) => tokens(await refresh(apps.web, refresh_token));
const DAY = 24 * 3600 * 1000;

// Rule: TOKEN 17
test("a refresh token that is not used for long is dead, and one that is used is not", async () => {
  const [used, idle] = [await newFamily(), await newFamily()];
  await latchkey.age(45 * DAY);
  const again = await next(used);
  await latchkey.age(45 * DAY);
  await next(again);
  await expectRefusal(await refresh(apps.web, idle.refresh_token), "invalid_grant");
});

// Rule: TOKEN 17
test("rotation does not prolong the life of a family for ever", async () => {
  let family = await newFamily();
  for (let days = 0; days < 330; days += 55) {
    await latchkey.age(55 * DAY);
    family = await next(family);
  }
  await latchkey.age(55 * DAY);
  await expectRefusal(await refresh(apps.web, family.refresh_token), "invalid_grant");
});
