// The tabs Credentials and Testing of an app.
import { DAY, insertInto, newApp, run, TESTED } from "./people_and_apps.mjs";
import { platform } from "./platform.mjs";

const at = ({ client_id }, tab) => `${platform.issuer}/developers/apps/${client_id}/${tab}`;

async function ownApp(person, changes) {
  const app = await newApp(changes);
  await run(
    "INSERT INTO developer_members (developer_id, user_id, role) SELECT developer_id, ?, 'owner' FROM apps WHERE client_id = ?",
    person.id,
    app.client_id,
  );
  return app;
}

const addSecret = ({ client_id }, hint, ago, used) =>
  insertInto("client_secrets", {
    id: `lsc_${client_id}${hint}`,
    client_id,
    secret_hash: `gallery ${client_id} ${hint}`,
    hint,
    created_at: Date.now() - ago * DAY,
    last_used_at: used === undefined ? null : Date.now() - used * DAY,
  });

const addTester = ({ client_id }, name) => insertInto("app_testers", { client_id, name, added_at: Date.now() });

const page = (arrive) => ({ status: 200, heading: "Northwind Planner", arrive });

export const credentialsPages = {
  "credentials, one secret": page(async (page, person) => {
    const app = await ownApp(person);
    await addSecret(app, "x7Qa", 90, 0);
    await page.goto(at(app, "credentials"));
  }),
  "credentials, a new secret": page(async (page, person) => {
    const app = await ownApp(person);
    await addSecret(app, "x7Qa", 90, 0);
    await page.goto(at(app, "credentials"));
    await page.getByText("Rotate the secret").click();
    await page.getByRole("button", { name: "Start the rotation" }).click();
    await page.getByLabel("Client secret", { exact: true }).waitFor();
  }),
  "credentials, in a rotation": page(async (page, person) => {
    const app = await ownApp(person);
    await addSecret(app, "x7Qa", 90, 1);
    await addSecret(app, "9bZk", 0);
    await page.goto(at(app, "credentials"));
    for (const summary of await page.locator("summary").all()) await summary.click();
  }),
  "credentials, keys that are refused": {
    ...page(async (page, person) => {
      const app = await ownApp(person);
      await addSecret(app, "x7Qa", 90, 0);
      await page.goto(at(app, "credentials"));
      await page.getByLabel("Method").selectOption("private_key_jwt");
      await page.getByLabel("Public keys").fill('{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}');
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("Nothing was saved").waitFor();
    }),
    status: 400,
  },
  "credentials of a public app": page(async (page, person) => {
    await page.goto(at(await ownApp(person, { app_type: "spa" }), "credentials"));
  }),
  "testing, with testers": page(async (page, person) => {
    const app = await ownApp(person, TESTED);
    for (const name of ["dana", "مستخدم", `${"very.long.".repeat(20)}name@example.com`]) await addTester(app, name);
    await page.goto(at(app, "testing"));
  }),
  "testing, nobody yet": page(async (page, person) => {
    await page.goto(at(await ownApp(person, TESTED), "testing"));
  }),
  "testing an app that is live": page(async (page, person) => {
    await page.goto(at(await ownApp(person), "testing"));
  }),
};
