// An app that registered itself works at once, for so many people, and everybody is warned.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectErrorPage, expectErrorRedirect } from "./support/expect.mjs";
import { rowsRead, startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, oauthClient } from "./support/oauth.mjs";
import { apis, CALLBACK, newApp, newUser } from "./support/platform.mjs";

const MOST = 5;
const latchkey = await startLatchkey({ vars: { UNVERIFIED_APP_USERS: String(MOST) } });
const { connect, introspect } = oauthClient(latchkey);
const unverified = (changes = {}) => newApp(latchkey, { class: "registered", status: "draft", app_type: "spa", ...changes });
const someone = async () => signedIn(latchkey, await newUser(latchkey));
const users = ({ client_id }) => latchkey.rows("SELECT DISTINCT user_id FROM consents WHERE client_id = ?", client_id);

test("anybody may connect it, and its tokens work", async () => {
  for (const app_class of ["registered", "metadata_document"]) {
    const app = await unverified({ class: app_class });
    const { access_token } = await connect(await someone(), app);
    assert.equal((await (await introspect(apis.projects.credential, access_token)).json()).active, true);
  }
});

test("one person more than may gets a page that says so, with the way back", async () => {
  const app = await unverified();
  const first = await someone();
  await first.connect(app);
  for (let more = 1; more < MOST; more++) await (await someone()).connect(app);
  const late = await someone();
  const page = await late.authorize(authorizationRequest(app, { state: "kept" }).url);
  assert.equal(page.status, 403);
  const back = page.attributes("a", "href").map((href) => new URL(href, page.url)).find(({ origin }) => origin === new URL(CALLBACK).origin);
  assert.deepEqual([back.searchParams.get("error"), back.searchParams.get("state")], ["access_denied", "kept"]);
  const none = await late.request(authorizationRequest(app, { prompt: "none", state: "s" }).url);
  expectErrorRedirect(none, { redirect_uri: CALLBACK, error: "access_denied", state: "s" });
  // Whoever has it may connect it again, also after taking it back; a place is never given to another.
  await latchkey.run("UPDATE consents SET status = 'revoked' WHERE client_id = ?", app.client_id);
  await first.connect(app);
  assert.equal((await late.authorize(authorizationRequest(app).url)).status, 403);
  await latchkey.run("UPDATE apps SET status = 'approved' WHERE client_id = ?", app.client_id);
  await late.connect(app);
});

test("of thirty people who agree at the same time exactly as many get in as may", async () => {
  const app = await unverified();
  const pages = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const browser = await someone();
      return { browser, page: await browser.authorize(authorizationRequest(app).url) };
    }),
  );
  for (const { page } of pages) assert.equal(page.status, 200);
  const answers = await Promise.all(pages.map(({ browser, page }) => browser.allow(page)));
  const codes = answers.map(({ leaves }) => leaves?.searchParams.get("code")).filter(Boolean);
  assert.equal(codes.length, MOST);
  assert.equal((await users(app)).length, MOST);
  for (const { answer, leaves } of answers) if (!leaves) await expectErrorPage(answer, 403);
});

test("neither consents that are over nor people beyond the cap are walked to count who is there", async () => {
  const app = await unverified();
  const one = await someone();
  await one.connect(app);
  const other = await someone();
  const reads = async () => {
    const page = await one.authorize(authorizationRequest(app, { prompt: "consent" }).url);
    const decided = await one.allow(page);
    return [page.answer, decided.answer, await other.request(authorizationRequest(app).url)].map(rowsRead);
  };
  const before = await reads();
  const [{ user_id }] = await users(app);
  const numbers = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)";
  await latchkey.run(
    `${numbers} INSERT INTO consents (id, user_id, client_id, instance, shard, status, created_at, ended_by)
     SELECT 'cns_over' || n, ?, ?, 'ins_over' || n, 0, 'revoked', 1, 'displaced' FROM numbers`,
    user_id,
    app.client_id,
  );
  await latchkey.run(
    `${numbers} INSERT INTO users (id, username, name, created_at) SELECT 'usr_more' || n, 'more' || n, '', 0 FROM numbers`,
  );
  await latchkey.run(
    `${numbers} INSERT INTO consents (id, user_id, client_id, shard, status, created_at)
     SELECT 'cns_more' || n, 'usr_more' || n, ?, 0, 'active', 1 FROM numbers`,
    app.client_id,
  );
  const after = await reads();
  for (const [at, rows] of after.entries()) assert.ok(rows < before[at] + 50, `${rows} rows, where there were ${before[at]}`);
});
