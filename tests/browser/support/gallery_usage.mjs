// The pages about what apps use.
import { DAY, insertInto, newApp, run } from "./people_and_apps.mjs";
import { platform } from "./platform.mjs";

const HOUR = DAY / 24;
const at = (path) => platform.issuer + path;
const TOKENS = ["token.authorization_code", "token.refresh_token", "token.client_credentials"];

const member = (person, { client_id }) =>
  run(
    "INSERT INTO developer_members (developer_id, user_id, role) SELECT developer_id, ?, 'owner' FROM apps WHERE client_id = ?",
    person.id,
    client_id,
  );

const administrator = (person) => insertInto("user_roles", { user_id: person.id, role: "administrator" });

// Ninety days of numbers that go up and down.
async function used(client_id) {
  const now = Date.now();
  const [hour, day] = [now - (now % HOUR), now - (now % DAY)];
  const wave = (place, most) => Math.round((most * (1 + Math.sin(place / 3))) / 2);
  const rows = [];
  for (let ago = 0; ago < 24; ago++) {
    for (const [kind, metric] of TOKENS.entries()) rows.push(["usage_hours", "hour", hour - ago * HOUR, metric, wave(ago + kind, 400)]);
    if (ago % 5 === 0) rows.push(["usage_hours", "hour", hour - ago * HOUR, "error.invalid_grant", 3 + ago]);
  }
  for (let ago = 0; ago < 90; ago++) {
    const [table, column] = ago < 3 ? ["usage_hours", "hour"] : ["usage_days", "day"];
    rows.push([table, column, day - ago * DAY, "active_users", wave(ago, 60)]);
    if (ago >= 3) for (const metric of [...TOKENS, "error.invalid_client"]) rows.push([table, column, day - ago * DAY, metric, wave(ago, 900)]);
  }
  for (const metric of ["authorize", "consent.granted", "consent.denied", "introspect"]) rows.push(["usage_hours", "hour", hour, metric, 40]);
  for (const [table, column, time, metric, count] of rows)
    await run(
      `INSERT INTO ${table} (client_id, ${column}, metric, count) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = excluded.count`,
      client_id,
      time,
      metric,
      count,
    );
}

const refusal = (client_id, changes) =>
  insertInto("app_errors", {
    client_id,
    at: Date.now(),
    endpoint: "token",
    error: "invalid_grant",
    description: "the code was used before; the tokens issued for it have been revoked",
    request_id: "k3v7w2mqxsh5b4zdp6tyfranle",
    count: 1,
    ...changes,
  });

export const usagePages = {
  "usage of an app": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await member(person, app);
      await used(app.client_id);
      await page.goto(at(`/developers/apps/${app.client_id}/usage`));
      await page.locator("summary").first().click();
    },
  },
  "usage of an app, ninety days": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await member(person, app);
      await used(app.client_id);
      await page.goto(at(`/developers/apps/${app.client_id}/usage?period=90d`));
    },
  },
  "usage of an app, none": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await member(person, app);
      await page.goto(at(`/developers/apps/${app.client_id}/usage`));
    },
  },
  "error log of an app": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await member(person, app);
      await refusal(app.client_id, {});
      await refusal(app.client_id, { endpoint: "authorize", error: "invalid_scope", description: `this app may not ask for: ${"x:".repeat(120)}`, count: 312 });
      await page.goto(at(`/developers/apps/${app.client_id}/log`));
    },
  },
  "error log of an app, none": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await member(person, app);
      await page.goto(at(`/developers/apps/${app.client_id}/log`));
    },
  },
  "usage of all apps": {
    status: 200,
    heading: "Usage of all apps",
    async arrive(page, person) {
      await administrator(person);
      await used("*");
      const now = Date.now();
      for (const [place, name] of ["Northwind Planner", "مخطط الشمال"].entries()) {
        const { client_id } = await newApp({ name });
        await insertInto("usage_hours", { client_id, hour: now - (now % DAY), metric: "tokens", count: 5000 - place });
      }
      await page.goto(at("/admin/usage?period=30d"));
    },
  },
};
