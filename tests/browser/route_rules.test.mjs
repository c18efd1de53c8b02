// An administrator makes the route rules of an API out of its OpenAPI document.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { insertInto, newPerson } from "./support/people_and_apps.mjs";
import { platform } from "./support/platform.mjs";
import { visit } from "./support/visitor.mjs";

const id = (prefix) => prefix + randomBytes(8).toString("hex");
const press = (page, name) => Promise.all([page.waitForEvent("load"), page.getByRole("button", { name }).click()]);

test("a document is looked at, what it leaves open is decided, the rules are saved, tried, changed and downloaded", async (t) => {
  const person = await newPerson();
  await insertInto("user_roles", { user_id: person.id, role: "administrator" });
  const api = { id: id("api_"), resource: `https://${id("a")}.example`, name: "Invoices API", created_at: Date.now() };
  const scope = id("read:");
  await insertInto("apis", api);
  await insertInto("scopes", { name: scope, api_id: api.id, title: "Read invoices", description: "See your invoices" });
  // Nothing on these pages needs a script.
  const page = await visit(t, { as: person.username, javaScriptEnabled: false });
  await page.goto(`${platform.issuer}/admin/policy/apis/${api.id}`);
  await page.getByRole("link", { name: "route rules", exact: true }).click();
  await page.getByText("every call to this API is refused").waitFor();

  await page.getByRole("link", { name: "out of an OpenAPI document" }).click();
  const paths = {
    "/invoices/{id}": { get: {}, delete: { security: [{ oauth: ["no:such"] }] } },
    "/status": { get: { security: [] } },
  };
  const document = {
    openapi: "3.0.3",
    servers: [{ url: "/v1" }],
    security: [{ oauth: [scope] }],
    paths,
    components: { securitySchemes: { oauth: { type: "oauth2", flows: {} } } },
  };
  const file = { name: "openapi.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(document)) };
  await page.getByLabel("File").setInputFiles(file);
  await press(page, "Show what would change");
  await page.getByText("Nothing is saved yet.").waitFor();
  await page.getByText("DELETE /v1/invoices/{id}").waitFor();
  assert.match(await page.getByLabel("Rules", { exact: true }).inputValue(), /"path":"\/v1\/invoices\/\{id\}"/);

  await page.getByLabel("Operations that need no token").selectOption("No token: anybody may call them");
  await page.getByLabel("Save it without a rule for 1").check();
  await press(page, "Save all rules");
  const rows = page.getByRole("region", { name: "Rules" }).locator("tbody tr");
  assert.deepEqual(await rows.locator("th").allInnerTexts(), ["/v1/invoices/{id}", "/v1/status"]);

  await page.getByLabel("Method", { exact: true }).selectOption("GET");
  await page.locator("#try-path").fill("/v1/INVOICES/7?lines=2");
  await press(page, "Try it");
  assert.match(await page.getByRole("status").innerText(), new RegExp(`a token with ${scope}`));

  await page.getByRole("link", { name: "Change GET /v1/status" }).click();
  await page.getByLabel("It asks for").selectOption("Any token for this API");
  await press(page, "Save the rule");
  assert.match(await rows.last().innerText(), /any token/);
  await press(page, "Remove GET /v1/invoices/{id}");
  assert.equal(await rows.count(), 1);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download it" }).click()]);
  assert.equal(download.suggestedFilename(), `routes-${api.id}.json`);
});
