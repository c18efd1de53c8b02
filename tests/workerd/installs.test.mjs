// An app on people's own devices is connected once for each install.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { rowsRead, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";
import { newKey } from "./support/strong_clients.mjs";

const latchkey = await startLatchkey();
const { connect, refresh, introspect, tokens } = oauthClient(latchkey);
const isActive = async ({ access_token }) =>
  (await (await introspect(apis.projects.credential, access_token)).json()).active;
const SITE = "https://partner.example/callback";
const FIREFOX = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };

async function someone() {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const installs = (status = "active") =>
    latchkey.rows("SELECT * FROM consents WHERE user_id = ? AND status = ? ORDER BY created_at, id", `usr_${username}`, status);
  return { browser, installs };
}

test("each authorization of a program on a device is an install of its own, and ends alone", async () => {
  const { browser, installs } = await someone();
  const [first, second] = [await connect(browser, apps.mobile), await connect(browser, apps.mobile)];
  const [one, other] = await installs();
  assert.ok(one.instance && other.instance && one.instance !== other.instance);
  const answer = await browser.request(`/api/user/connected-apps/${one.id}`, {
    method: "DELETE",
    headers: { origin: "http://localhost:8787" },
  });
  assert.equal(answer.status, 200);
  assert.deepEqual([await isActive(first), await isActive(second)].sort(), [false, true]);
});

test("the key of an install makes it the same one again", async () => {
  const { browser, installs } = await someone();
  const [key, another] = [await newKey(), await newKey()];
  for (const { thumbprint } of [key, key, another]) await browser.connect(apps.mobile, { dpop_jkt: thumbprint });
  assert.deepEqual((await installs()).map(({ instance }) => instance).sort(), [key.thumbprint, another.thumbprint].sort());
});

test("a site on the web is one connection, whichever key its codes are bound to", async () => {
  const { browser, installs } = await someone();
  const { thumbprint } = await newKey();
  for (const dpop_jkt of [undefined, thumbprint])
    await browser.connect(apps.partner, { redirect_uri: SITE, prompt: "consent", dpop_jkt });
  assert.deepEqual((await installs()).map(({ instance }) => instance), [""]);
});

test("the device is noted on which the user agreed", async () => {
  const { browser, installs } = await someone();
  browser.headers = FIREFOX;
  await browser.connect(apps.mobile);
  browser.headers = { "user-agent": "curl/8" };
  await browser.connect(apps.mobile);
  assert.deepEqual((await installs()).map(({ device }) => device).sort(), ["firefox/linux", null]);
});

test("the page compares with every install: what one was given is not new to the next", async () => {
  const { browser } = await someone();
  await browser.connect(apps.mobile, { scope: "read:profile" });
  await browser.connect(apps.mobile, { scope: "read:projects" });
  const page = await browser.authorize(authorizationRequest(apps.mobile, { scope: "read:profile read:projects read:team" }).url);
  assert.match(page.source, /View your team information/);
  const marks = page.source.match(/class="mark new"/g) ?? [];
  assert.equal(marks.length, 1);
});

test("the install unused for longest makes room for the twenty-first, and its tokens die", async () => {
  const { browser, installs } = await someone();
  const families = [];
  for (let install = 0; install < 20; install++) families.push(await connect(browser, apps.mobile));
  const before = await installs();
  assert.equal(before.length, 20);
  // The third was used longest ago, whenever it was made.
  await latchkey.run("UPDATE consents SET last_used_at = created_at + 1000 WHERE user_id = ?", before[0].user_id);
  await latchkey.run("UPDATE consents SET last_used_at = NULL, created_at = created_at - 1000 WHERE id = ?", before[2].id);
  const newest = await connect(browser, apps.mobile);
  assert.equal((await installs()).length, 20);
  const [ended] = await installs("revoked");
  assert.deepEqual([ended.id, ended.ended_by], [before[2].id, "displaced"]);
  const alive = await Promise.all([...families, newest].map(isActive));
  assert.equal(alive.filter((active) => !active).length, 1);
  const dead = families[alive.indexOf(false)];
  assert.equal((await refresh(apps.mobile, dead.refresh_token)).status, 400);
  await tokens(await refresh(apps.mobile, newest.refresh_token));
});

test("twenty-five installs at once leave twenty", async () => {
  const { browser, installs } = await someone();
  const pages = [];
  for (let install = 0; install < 25; install++) pages.push(await browser.authorize(authorizationRequest(apps.mobile).url));
  const answers = await Promise.all(pages.map((page) => browser.allow(page)));
  for (const { leaves } of answers) assert.match(leaves.search, /code=/);
  assert.equal((await installs()).length, 20);
});

test("an install that the ledger could not end is out of use, and ended by the next run", async () => {
  const { browser, installs } = await someone();
  for (let install = 0; install < 20; install++) await browser.connect(apps.mobile);
  const page = await browser.authorize(authorizationRequest(apps.mobile).url);
  const { leaves } = await browser.allow(page, { faults: [{ at: "LEDGER", fail: "before" }] });
  assert.match(leaves.search, /code=/);
  assert.deepEqual([(await installs()).length, (await installs("revoking")).length], [20, 1]);
});

test("what a user once connected and is over costs nothing when they connect the app again", async () => {
  const { browser, installs } = await someone();
  await browser.connect(apps.mobile);
  const [{ user_id, client_id }] = await installs();
  const reads = async () => {
    const page = await browser.authorize(authorizationRequest(apps.mobile).url);
    const decided = await browser.allow(page);
    return [page.answer, decided.answer].map(rowsRead);
  };
  const before = await reads();
  await latchkey.run(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
     INSERT INTO consents (id, user_id, client_id, instance, shard, status, created_at, revoked_at, ended_by)
     SELECT 'cns_over' || n, ?, ?, 'ins_over' || n, 0, 'revoked', 1, 2, 'displaced' FROM numbers`,
    user_id,
    client_id,
  );
  const after = await reads();
  for (const [at, rows] of after.entries()) assert.ok(rows < before[at] + 50, `${rows} rows, where there were ${before[at]}`);
});
