// What a site in another tab can and cannot do. It is on another port of localhost, where Lax cookies are sent along.
import assert from "node:assert/strict";
import { test } from "node:test";
import { forgedForm, neighbour } from "./support/other_sites.mjs";
import { platform } from "./support/platform.mjs";
import { arriveAtConsent, beginDisconnected, connect, connectedApps, heading, press, visit } from "./support/visitor.mjs";

beginDisconnected(import.meta);

// The victim presses the button of a forged form; the answer's status, with proof that the session went along.
async function sendForged(t, page, action, fields) {
  const trap = await page.context().newPage();
  await trap.goto(await neighbour(t, forgedForm(action, fields)));
  const [answer] = await Promise.all([
    trap.waitForResponse((response) => response.url() === action),
    press(trap, "Win a prize"),
  ]);
  const { cookie = "" } = await answer.request().allHeaders();
  assert.match(cookie, /session/, "the attack could not have worked anyway");
  return answer.status();
}

const hidden = (page, name) => page.locator(`input[name="${name}"]`).first().inputValue();

// Covers: B15
// Rule: UI 1, ATTACK 1
test("the consent page cannot be framed by another site", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  const trap = await page.context().newPage();
  const refusal = trap.waitForEvent("console", (message) => /frame-ancestors|X-Frame-Options/i.test(message.text()));
  await trap.goto(await neighbour(t, `<iframe src="${page.url().replaceAll("&", "&amp;")}"></iframe>`));
  await refusal;
  const [, frame] = trap.frames();
  assert.equal(await frame.getByRole("button").count(), 0);
});

// Covers: B15
// Rule: UI 2, ATTACK 2
test("a decision that another site sends is refused, even with the right sealed request", async (t) => {
  const page = await visit(t, { as: "alice" });
  await arriveAtConsent(page);
  const request = await hidden(page, "request");
  const action = `${platform.issuer}/oauth/consent`;
  assert.equal(await sendForged(t, page, action, { request, decision: "allow" }), 403);
  assert.equal(await sendForged(t, page, action, { decision: "allow" }), 400);
  assert.deepEqual(await connectedApps(page), []);
  await press(page, "Deny"); // the request was not used up
  await heading(page).and(page.getByText("Nothing was connected")).waitFor();
});

// Covers: B15
// Rule: ATTACK 3
test("a request that somebody else started cannot be decided in the victim's browser", async (t) => {
  const attacker = await visit(t, { as: "alice" });
  await arriveAtConsent(attacker);
  const request = await hidden(attacker, "request");
  const victim = await visit(t, { as: "ben" });
  const action = `${platform.issuer}/oauth/consent`;
  assert.equal(await sendForged(t, victim, action, { request, decision: "allow" }), 403);
  assert.deepEqual(await connectedApps(victim), []);
  await victim.goto(attacker.url());
  await heading(victim).and(victim.getByText("This request began in another browser")).waitFor();
});

// Covers: B37
// Rule: ATTACK 2
test("a revocation that another site sends is refused, even with the right token", async (t) => {
  const page = await visit(t, { as: "alice" });
  await connect(page);
  await page.goto(`${platform.issuer}/account/apps`);
  await page.getByRole("link", { name: "Revoke Access of Northwind Planner" }).click();
  const csrf = await hidden(page, "csrf");
  const action = await page.locator("form").evaluate((form) => form.action);
  for (const fields of [{}, { csrf: "x".repeat(csrf.length) }, { csrf }])
    assert.equal(await sendForged(t, page, action, fields), 403);
  assert.deepEqual(await connectedApps(page), ["Northwind Planner"]);
});

// Rule: ATTACK 2, ATTACK 12
test("another site can neither sign people out nor sign them in as somebody else", async (t) => {
  const page = await visit(t, { as: "alice" });
  await page.goto(`${platform.issuer}/account/apps`);
  assert.equal(await sendForged(t, page, `${platform.issuer}/logout`, {}), 403);
  assert.equal(await sendForged(t, page, `${platform.issuer}/login`, { username: "ben" }), 403);
  await page.reload();
  await page.getByText("Alice Archer").waitFor();
});
