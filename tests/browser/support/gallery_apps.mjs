// The pages of the developer portal on which accounts and apps are managed.
import { insertInto, newApp, run } from "./people_and_apps.mjs";
import { platform } from "./platform.mjs";

const at = (path) => platform.issuer + path;

const member = (person, { client_id }) =>
  run(
    "INSERT INTO developer_members (developer_id, user_id, role) SELECT developer_id, ?, 'owner' FROM apps WHERE client_id = ?",
    person.id,
    client_id,
  );

async function mine(person, changes) {
  const app = await newApp(changes);
  await member(person, app);
  return app;
}

const page_of = (tab, changes) => async (page, person) => {
  const { client_id } = await mine(person, changes);
  await page.goto(at(`/developers/apps/${client_id}/${tab}`));
};

async function accountOf(person) {
  const id = `dev_${person.id}`;
  await insertInto("developers", { id, name: "Northwind Labs", created_at: 1 });
  await insertInto("developer_members", { developer_id: id, user_id: person.id, role: "owner" });
  return id;
}

const press = (page, action) => page.locator(`button[name="action"][value="${action}"]:not(.first)`).click();

export const appPages = {
  "my apps, none": {
    status: 200,
    heading: "My apps",
    arrive: (page) => page.goto(at("/developers")),
  },
  "my apps": {
    status: 200,
    heading: "My apps",
    async arrive(page, person) {
      await mine(person);
      await mine(person, { name: "مخطط الشمال", developer: "مختبرات الشمال" });
      await page.goto(at("/developers"));
    },
  },
  "a developer account": {
    status: 200,
    heading: "Northwind Labs",
    async arrive(page, person) {
      const id = await accountOf(person);
      await insertInto("users", { id: `${id}_robin`, username: `${id}_robin`, name: "Robin Ferreira", created_at: 1 });
      await insertInto("developer_members", { developer_id: id, user_id: `${id}_robin`, role: "member" });
      await page.goto(at(`/developers/accounts/${id}`));
    },
  },
  "a developer account, somebody invited": {
    status: 201,
    heading: "Northwind Labs",
    async arrive(page, person) {
      await page.goto(at(`/developers/accounts/${await accountOf(person)}`));
      await page.locator("#note").fill("Robin, backend");
      await page.locator('form[action$="/invitations"] button').click();
    },
  },
  "registering an app": {
    status: 200,
    heading: "Register Your Application",
    arrive: (page) => page.goto(at("/developers/apps/new")),
  },
  "registering an app, another redirect URI": {
    status: 200,
    heading: "Register Your Application",
    async arrive(page) {
      await page.goto(at("/developers/apps/new"));
      await page.locator('input[name="redirect_uris"]').fill("https://planner.example/callback");
      await press(page, "add_uri");
    },
  },
  "registering an app, refused": {
    status: 400,
    heading: "Register Your Application",
    async arrive(page) {
      await page.goto(at("/developers/apps/new"));
      await page.locator("#name").fill("My Awesome Integration");
      await page.locator("#description").fill("Plans projects");
      await page.locator('input[name="redirect_uris"]').fill("http://planner.example/callback");
      await press(page, "register");
    },
  },
  "an app was registered": {
    status: 201,
    heading: "Your application is registered",
    async arrive(page) {
      await page.goto(at("/developers/apps/new"));
      await page.locator("#name").fill("My Awesome Integration");
      await page.locator("#description").fill("Plans projects");
      await page.locator('input[name="redirect_uris"]').fill("https://planner.example/callback");
      await page.locator('input[name="scopes"]').first().check();
      await press(page, "register");
    },
  },
  "claiming an app": {
    status: 200,
    heading: "Claim an app",
    async arrive(page, person) {
      await accountOf(person);
      await page.goto(at("/developers/apps/claim?client_id=https%3A%2F%2Fagent.northwind.dev%2Foauth%2Fclient.json"));
    },
  },
  "claiming an app, refused": {
    status: 400,
    heading: "Claim an app",
    async arrive(page) {
      await page.goto(at("/developers/apps/claim"));
      await page.locator("#client_id").fill("app_6zq7n3");
      await page.locator("#registration_access_token").fill("lkm_of_another");
      await page.locator('form[action="/developers/apps/claim"] button').click();
    },
  },
  "settings of an app": { status: 200, heading: "Northwind Planner", arrive: page_of("settings") },
  "settings of an app, rejected": { status: 200, heading: "Northwind Planner", arrive: page_of("settings", { status: "rejected" }) },
  "quick start of an app": { status: 200, heading: "Northwind Planner", arrive: page_of("quick-start") },
  "help for developers": {
    status: 200,
    heading: "Help for developers",
    arrive: (page) => page.goto(at("/developers/help")),
  },
  "permissions of an app": { status: 200, heading: "Northwind Planner", arrive: page_of("permissions") },
  "asked before an app is deleted": { status: 200, heading: "Northwind Planner", arrive: page_of("delete") },
};
