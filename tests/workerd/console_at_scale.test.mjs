// The console's lists over very much. LATCHKEY_AUDIT_ROWS, LATCHKEY_APPS, LATCHKEY_USERS: how much there is (`make scale`
// asks for a million entries of the audit trail, 10,000 apps and a million users).
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { rowsRead, startLatchkey } from "./support/harness.mjs";
import { newUser } from "./support/platform.mjs";

const AUDIT_ROWS = Number(process.env.LATCHKEY_AUDIT_ROWS ?? 6000);
const APPS = Number(process.env.LATCHKEY_APPS ?? 3000);
const USERS = Number(process.env.LATCHKEY_USERS ?? 3000);
const STEP = 50_000;
// The most that one page may look at: two windows of 2000 rows by an index, each read once more by its number. Fewer than
// there are entries even in the small run, twice: a search that passes over them all fails there too.
const MOST_ROWS = 9_000;

const latchkey = await startLatchkey();
const username = await newUser(latchkey);
await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES (?, 'administrator')", `usr_${username}`);
const browser = await signedIn(latchkey, username);

const fill = async (from, count, sql) => {
  for (let first = from; first < count; first += STEP) {
    const last = Math.min(first + STEP, count) - 1;
    await latchkey.run(
      `WITH RECURSIVE numbers (n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last}) ${sql}`,
    );
  }
};
const fillAll = async (from, { audit, apps, users }) => {
  await fill(
    from,
    users,
    `INSERT INTO users (id, username, account_name, name, created_at)
     SELECT 'usr_scale' || n, 'scale' || n, 'mail' || n || '@example.com', 'Kim ' || (n % 7), n FROM numbers`,
  );
  await fill(
    from,
    apps,
    `INSERT INTO apps (client_id, developer_id, name, description, app_type, class, status, created_at)
     SELECT 'app_scale' || n, 'dev_northwind', 'Scale ' || (n % 5), '', 'spa', CASE n % 1000 WHEN 5 THEN 'operator' ELSE 'portal' END,
            CASE n % 3 WHEN 0 THEN 'suspended' ELSE 'approved' END, n FROM numbers`,
  );
  await fill(
    from,
    audit,
    `INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type, target_id, request_id)
     SELECT 'evt_scale' || n, 1700000000000 + n * 1000, CASE n % 3 WHEN 0 THEN 'app.settings_changed' WHEN 1 THEN 'session.started' ELSE 'consent.ended' END,
            'user', 'usr_scale' || (n % 11), 'app_scale' || (n % 3), 'dev_northwind', 'usr_scale' || (n % 13), 'app', 'app_scale' || (n % 3), 'req_' || n
     FROM numbers`,
  );
};

const LISTS = [
  "/admin/users",
  "/admin/users?search=scale",
  "/admin/users?search=kim",
  "/admin/users?search=usr_scale1",
  "/admin/users/usr_scale1",
  "/admin/apps",
  "/admin/apps?search=scale",
  "/admin/apps?status=suspended",
  "/admin/apps?class=operator",
  "/admin/apps?search=scale&class=operator&status=approved",
  "/admin/apps/app_scale1",
  "/admin/developers?search=n",
  "/admin/developers/dev_northwind",
  "/admin/audit",
  "/admin/audit?event=app.settings_changed",
  "/admin/audit?event=app.",
  "/admin/audit?event=session.",
  "/admin/audit?actor=usr_scale1",
  "/admin/audit?client_id=app_scale1",
  "/admin/audit?user_id=usr_scale1",
  "/admin/audit?developer_id=dev_northwind",
  "/admin/audit?target=app_scale1",
  "/admin/audit?search=usr_scale1",
  "/admin/audit?search=req_7",
  "/admin/audit?actor=usr_scale1&event=app.",
  "/admin/audit?client_id=app_scale1&user_id=usr_nobody",
  "/admin/audit?from=2023-11-14T22:13:20Z&to=2023-11-14T22:13:21Z",
  "/admin/audit?event=nothing",
];

async function measure() {
  const measured = {};
  for (const list of LISTS) {
    const began = performance.now();
    const answer = await browser.request(list);
    assert.equal(answer.status, 200, list);
    measured[list] = { rows: rowsRead(answer), ms: performance.now() - began };
  }
  return measured;
}

// Covers: R24, R74
test(`with ${AUDIT_ROWS} entries, ${APPS} apps and ${USERS} users no page reads more than it may`, async (t) => {
  await fillAll(0, { audit: 10, apps: 10, users: 10 });
  const withTen = await measure();
  await fillAll(10, { audit: AUDIT_ROWS, apps: APPS, users: USERS });
  const withMany = await measure();
  for (const list of LISTS) {
    const [few, many] = [withTen[list], withMany[list]];
    t.diagnostic(`${list}: ${many.rows} rows read in ${many.ms.toFixed(0)} ms, ${few.rows} in ${few.ms.toFixed(0)} ms with ten`);
    assert.ok(many.rows <= MOST_ROWS, `${list} reads ${many.rows} rows`);
  }
});
