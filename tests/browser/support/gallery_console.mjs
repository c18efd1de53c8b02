// The pages of the console: review, policy, people, audit trail and webhooks; and what developers see of a review.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { addTester, DAY, insertInto, newApp, newPerson, run } from "./people_and_apps.mjs";
import { platform } from "./platform.mjs";

const at = (path) => platform.issuer + path;
const id = (prefix) => prefix + randomBytes(10).toString("hex");
const role = (person, name) => insertInto("user_roles", { user_id: person.id, role: name });

const settings = (changes) =>
  JSON.stringify({
    name: "Northwind Planner",
    description: "Plans your week around your projects.",
    redirect_uris: ["https://partner.example/callback"],
    scopes: [
      { scope: "read:projects", is_default: true, is_optional: false, reason: null },
      { scope: "write:projects", is_default: true, is_optional: true, reason: "Moves what you did not get done." },
    ],
    homepage_url: "https://partner.example/",
    privacy_policy_url: "https://partner.example/privacy",
    terms_of_service_url: null,
    logo: null,
    ...changes,
  });

// A submission of an app that waits, some days old.
async function submitted({ client_id }, changes = {}) {
  const submission = {
    id: id("sub_"),
    client_id,
    number: 1,
    status: "pending",
    content: settings(changes),
    testing: "https://partner.example/demo, user demo, password on request",
    developer_name: "Southgate Tools",
    submitted_by: "usr_alice",
    submitted_at: Date.now() - 3 * DAY,
  };
  await insertInto("submissions", submission);
  await insertInto("review_comments", {
    id: id("cmt_"),
    client_id,
    author_id: "usr_rita",
    author_role: "reviewer",
    body: "Where does the account of the demo come from?",
    created_at: Date.now() - DAY,
  });
  return submission.id;
}

// The address of a metadata document, on a server that goes with the tests.
async function document(changes) {
  const server = createServer((request, response) => {
    const address = `http://127.0.0.1:${server.address().port}${request.url}`;
    const body = { client_id: address, client_name: "Nimbus", redirect_uris: ["http://127.0.0.1/callback"], ...changes };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}/oauth/client.json`;
}

const looking_at = (address) => ({
  status: 200,
  heading: "Look at a metadata document",
  async arrive(page, person) {
    await role(person, "reviewer");
    await page.goto(at("/admin/documents"));
    await page.locator("#client_id").fill(await address());
    await page.locator('form[action="/admin/documents"] button').click();
  },
});

const WAITING = { class: "portal", status: "pending_review", developer: "Southgate Tools" };

// A page for an administrator, or for a reviewer; `path` may have to prepare something first.
const operator = (name, heading, path, status = 200) => ({
  status,
  heading,
  async arrive(page, person) {
    await role(person, name);
    await page.goto(at(typeof path === "function" ? await path(person) : path));
  },
});
const administrator = (heading, path) => operator("administrator", heading, path);
const reviewer = (heading, path) => operator("reviewer", heading, path);

async function webhook(person) {
  const endpoint = { id: id("whe_"), url: "https://hooks.example/latchkey", sealed_secret: "x", created_at: Date.now() };
  await insertInto("webhook_endpoints", endpoint);
  return `/admin/webhooks/${endpoint.id}`;
}

const apiOf = async (path) => {
  const api = { id: id("api_"), resource: `https://${id("a")}.example`, name: "Invoices API", created_at: Date.now() };
  await insertInto("apis", api);
  return path(api.id);
};

const RULES = [
  { methods: ["GET"], path: "/v1/invoices/{invoice}", scopes: ["read:invoices"] },
  { methods: ["POST", "PUT", "DELETE"], path: "/v1/invoices/{invoice}/payments/{payment}", scopes: ["read:invoices"] },
  { path: "/v1/status", public: true },
  { path: "/*", scopes: [] },
];

// An API with rules, one of its scopes in them.
const apiWithRules = async () => {
  const scope = id("read:");
  const rules = JSON.stringify(RULES).replaceAll("read:invoices", scope);
  return apiOf(async (api) => {
    await insertInto("scopes", { name: scope, api_id: api, title: "Read invoices", description: "See your invoices" });
    await run("UPDATE apis SET route_rules = ?, upstream = 'https://origin.example.com' WHERE id = ?", rules, api);
    return { path: `/admin/policy/apis/${api}/routes`, scope };
  });
};

const DOCUMENT = (scope) => ({
  openapi: "3.1.0",
  servers: [{ url: "https://api.example/v1" }],
  security: [{ oauth: [scope] }],
  paths: {
    "/invoices": { get: {}, post: { security: [{ oauth: ["write:invoices"] }] } },
    "/invoices/{id}": { get: {}, delete: { security: [{ oauth: [scope] }, { key: [] }] } },
    "/invoices/{id}.pdf": { get: {} },
    "/status": { get: { security: [] } },
  },
  components: {
    securitySchemes: {
      oauth: { type: "oauth2", flows: { authorizationCode: { scopes: { "write:invoices": "Write and send invoices" } } } },
      key: { type: "apiKey", in: "header", name: "X-Key" },
    },
  },
});

// An organization that trusts an issuer, with an app allowed and another blocked; `person` administers it.
async function organization(person) {
  const own = { id: id("org_"), name: "Acme Manufacturing", created_at: Date.now() };
  await insertInto("organizations", own);
  const member = { organization_id: own.id, user_id: person.id, role: "administrator", added_at: Date.now() };
  await insertInto("organization_members", member);
  await insertInto("trusted_issuers", {
    id: id("tri_"),
    organization_id: own.id,
    issuer: `https://login.${id("acme-")}.example/oauth2/default`,
    shard: 771,
    created_at: Date.now(),
  });
  for (const decision of ["allowed", "blocked"])
    await insertInto("organization_apps", {
      organization_id: own.id,
      client_id: (await newApp()).client_id,
      decision,
      scopes: decision === "allowed" ? '["read:projects","write:projects"]' : "[]",
      decided_by: person.id,
      decided_at: Date.now(),
    });
  return `/admin/organizations/${own.id}`;
}

export const consolePages = {
  "review of an app, for its developer": {
    status: 200,
    heading: "Northwind Planner",
    async arrive(page, person) {
      const app = await newApp({ status: "rejected", class: "portal" });
      await run(
        "INSERT INTO developer_members (developer_id, user_id, role) SELECT developer_id, ?, 'owner' FROM apps WHERE client_id = ?",
        person.id,
        app.client_id,
      );
      await run(
        "UPDATE submissions SET status = 'rejected', decided_by = 'usr_rita', decided_at = ?, reason = 'The privacy policy does not open.' WHERE id = ?",
        Date.now(),
        await submitted(app),
      );
      await page.goto(at(`/developers/apps/${app.client_id}/review`));
    },
  },
  "review queue": reviewer("Reviews", async () => {
    await submitted(await newApp(WAITING));
    return "/admin/reviews";
  }),
  "review of a first submission": reviewer("Northwind Planner", async () => `/admin/reviews/${await submitted(await newApp(WAITING))}`),
  "review of a change": reviewer("Аcme Planner", async () => {
    const app = await newApp({ developer: "Southgate Tools" });
    await run("UPDATE apps SET approved_at = ? WHERE client_id = ?", Date.now() - 90 * DAY, app.client_id);
    return `/admin/reviews/${await submitted(app, { name: "Аcme Planner", redirect_uris: ["https://elsewhere.example/cb"] })}`;
  }),
  "console, a metadata document": looking_at(() => document({ scope: "read:projects write:projects no:such", client_name: "Acme Nimbus" })),
  "console, a metadata document, refused": looking_at(() => document({ client_secret: "s3cret" })),
  "console, apps": administrator("Apps", "/admin/apps?search=North"),
  "console, an app": administrator("Northwind Planner", async () => {
    const app = await newApp();
    await addTester(await newPerson(), app);
    return `/admin/apps/${app.client_id}`;
  }),
  "console, policy of an app": administrator("Policy of", async () => `/admin/apps/${(await newApp()).client_id}/policy`),
  "console, a new app": administrator("Make an app", "/admin/apps/new"),
  "console, developer accounts": administrator("Developer accounts", "/admin/developers"),
  "console, a developer account": administrator("Southgate Tools", async (person) => {
    const developer = { id: id("dev_"), name: "Southgate Tools", contact: "team@southgate.example", created_at: Date.now() };
    await insertInto("developers", developer);
    await insertInto("developer_members", { developer_id: developer.id, user_id: person.id, role: "owner" });
    return `/admin/developers/${developer.id}`;
  }),
  "console, users": administrator("Users", "/admin/users?search=alice"),
  "console, a user": administrator("Alice Archer", async () => `/admin/users/${(await newPerson()).id}`),
  "console, a suspended user": administrator("Alice Archer", async () => {
    const person = await newPerson();
    await run("UPDATE users SET status = 'suspended' WHERE id = ?", person.id);
    return `/admin/users/${person.id}`;
  }),
  "console, audit trail": administrator("Audit trail", "/admin/audit"),
  "console, audit trail, nothing found": administrator("Audit trail", "/admin/audit?event=nothing.of.the.kind"),
  "console, webhooks": administrator("Webhooks", async (person) => {
    await webhook(person);
    return "/admin/webhooks";
  }),
  "console, a webhook": administrator("Webhook", webhook),
  "console, policy": administrator("Policy", "/admin/policy"),
  "console, APIs": administrator("APIs", "/admin/policy/apis"),
  "console, an API": administrator("Invoices API", () => apiOf((api) => `/admin/policy/apis/${api}`)),
  "console, a client grant": administrator("What third-party apps may ask of", () =>
    apiOf((api) => `/admin/policy/apis/${api}/grants/default/user`),
  ),
  "console, route rules": administrator("Route rules of", async () => {
    const { path } = await apiWithRules();
    return `${path}?method=GET&path=%2Fv1%2Finvoices%2F7`;
  }),
  "console, a route rule": administrator("Route rules of", async () => `${(await apiWithRules()).path}?rule=0`),
  "console, no route rules": administrator("Route rules of", () => apiOf((api) => `/admin/policy/apis/${api}/routes`)),
  "console, rules out of a document": {
    status: 200,
    heading: "Rules out of an OpenAPI document",
    async arrive(page, person) {
      await role(person, "administrator");
      const { path, scope } = await apiWithRules();
      await page.goto(at(`${path}/import`));
      await page.getByLabel("Or paste it").fill(JSON.stringify(DOCUMENT(scope)));
      await page.getByRole("button", { name: "Show what would change" }).click();
      await page.getByRole("heading", { name: "What would change" }).waitFor();
    },
  },
  "console, a document for rules": administrator("Rules out of an OpenAPI document", async () => `${(await apiWithRules()).path}/import`),
  "console, scopes": administrator("Scopes", "/admin/policy/scopes"),
  "console, a scope": administrator("read:projects", "/admin/policy/scopes/read:projects"),
  "console, rate tiers": administrator("Rate tiers", "/admin/policy/rate-tiers"),
  "console, a rate tier": administrator("approved", "/admin/policy/rate-tiers/approved"),
  "console, connections": administrator("Connections", "/admin/policy/connections"),
  "console, a connection": administrator("Acme account", "/admin/policy/connections/con_acme"),
  "console, branding": administrator("Branding", "/admin/policy/branding"),
  "console, branding, a logo that is none": {
    status: 400,
    heading: "Branding",
    async arrive(page, person) {
      await role(person, "administrator");
      await page.goto(at("/admin/policy/branding"));
      await page.locator("#file").setInputFiles({ name: "logo.png", mimeType: "image/png", buffer: Buffer.from("<svg/>") });
      await page.getByRole("button", { name: "Upload" }).click();
    },
  },
  "console, organizations": administrator("Organizations", async (person) => {
    await organization(person);
    return "/admin/organizations";
  }),
  "console, an organization": administrator("Acme Manufacturing", organization),
  "console, an organization, for its administrator": {
    status: 200,
    heading: "Acme Manufacturing",
    arrive: async (page, person) => page.goto(at(await organization(person))),
  },
  "console, the organizations that somebody administers": {
    status: 200,
    heading: "Organizations",
    async arrive(page, person) {
      await organization(person);
      await page.goto(at("/admin/organizations"));
    },
  },
  "console, roles": administrator("Reviewers and administrators", "/admin/policy/roles"),
  "console, not for everybody": {
    status: 403,
    heading: "You cannot do this",
    arrive: (page) => page.goto(at("/admin/users")),
  },
};
