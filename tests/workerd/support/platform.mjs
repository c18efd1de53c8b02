// A small platform with known ids and secrets: the apps, APIs and people that the tests speak of.
import { createHash, randomBytes } from "node:crypto";
import { appLogos } from "../../../tools/demo-logos.mjs";
import { logoKey, logoName } from "../../../tools/logos.mjs";

export const PLATFORM_NAME = "Acme Projects";

const sha256 = (text) => createHash("sha256").update(text).digest("base64url");
const secretOf = (prefix, name) => prefix + createHash("sha256").update(name).digest("base64url");

export const scopes = [
  ["read:profile", "Read user profile", "View your basic profile information"],
  ["read:projects", "Read projects", "View your projects and tasks"],
  ["write:projects", "Manage projects", "Create and update your projects"],
  ["read:team", "Read team data", "View your team information"],
  ["read:analytics", "Read analytics", "View your usage analytics"],
].map(([name, title, description]) => ({ name, title, description }));
export const scopeNames = scopes.map((scope) => scope.name);

const api = (id, resource, name, scopes) => ({
  id,
  resource,
  name,
  scopes,
  credential: { client_id: id.replace("api_", "apc_"), secret: secretOf("lka_", id), method: "basic" },
});
export const apis = {
  projects: api("api_projects", "http://localhost:8788", "Projects API", scopes),
  billing: api("api_billing", "https://billing.example/v1", "Billing API", [
    { name: "read:invoices", title: "Read invoices", description: "View your invoices" },
  ]),
};

export const loopback = ["http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback"];
export const CALLBACK = "http://127.0.0.1:53682/callback";

const picture = appLogos.public();
export const logo = { name: logoName(picture), bytes: picture };

export const developers = { northwind: "Northwind Labs", southgate: "Southgate Tools" };

// `method` is how the app authenticates itself in these tests; a public app has "none" and no secret.
export function describeApp(name, changes = {}) {
  const client_id = `app_${name.replaceAll("_", "")}`;
  const app = {
    client_id,
    name: `${name[0].toUpperCase()}${name.slice(1)} App`,
    description: `What ${name} is for`,
    logo: null,
    developer: "northwind",
    app_type: "web",
    class: "portal",
    status: "approved",
    redirect_uris: loopback,
    scopes: scopeNames,
    optional: [], // not asked for by a request that names no scope
    may_be_left_out: [],
    grants: [],
    ...changes,
  };
  const confidential = ["web", "server"].includes(app.app_type);
  return {
    method: confidential ? "basic" : "none",
    ...(confidential && { secret: secretOf("lks_", client_id) }),
    ...app,
  };
}

const machine = {
  api: "api_projects",
  subject_type: "client",
  access: "chosen",
  scopes: ["read:projects", "read:team"],
};
const partnerCallback = "https://partner.example/callback";
// With this an app on the web asks anew and adds to the one connection it has; on somebody's device each time makes a
// connection of its own.
export const atItsSite = { redirect_uri: partnerCallback, prompt: "consent" };

export const apps = {
  spa: describeApp("spa", { app_type: "spa", logo: logo.name, redirect_uris: [...loopback, partnerCallback] }),
  web: describeApp("web", {
    redirect_uris: [...loopback, partnerCallback],
    scopes: [...scopeNames, "read:invoices"],
    grants: [{ api: "api_billing", subject_type: "user", access: "chosen", scopes: ["read:invoices"] }],
  }),
  post: describeApp("post", { method: "post" }),
  partner: describeApp("partner", {
    redirect_uris: [...loopback, partnerCallback, `${partnerCallback}?tenant=7`],
  }),
  mobile: describeApp("mobile", { app_type: "mobile", developer: "southgate" }),
  rival: describeApp("rival", { developer: "southgate" }),
  server: describeApp("server", { app_type: "server", grants: [machine] }),
  modest: describeApp("modest", {
    app_type: "spa",
    scopes: ["read:profile", "read:projects"],
    optional: ["read:projects"],
  }),
  hostile: describeApp("hostile", {
    name: `"><script>alert(1)</script><img src=x onerror=alert(2)>`,
    developer: "southgate",
  }),
};
export const unapproved = ["draft", "pending_review", "rejected", "suspended"].map((status) =>
  describeApp(status, { status, grants: [machine] }),
);
// Those that nobody may use. The others serve their testers.
export const unavailable = unapproved.filter(({ status }) => ["rejected", "suspended"].includes(status));

export const users = ["alice", "ben"];

const literal = (value) =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : value === null ? "NULL" : String(value);

// One statement on one line, as D1's `exec` wants them: it takes many of them in a single call.
const insert = (table, row) =>
  `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.values(row).map(literal)});`;

function appRows(app) {
  const { client_id, name, description, logo, app_type, status } = app;
  const developer_id = `dev_${app.developer}`;
  const record = { client_id, developer_id, name, description, logo, app_type, class: app.class, status };
  return [
    insert("apps", { ...record, created_at: Date.now() }),
    ...app.redirect_uris.map((redirect_uri) => insert("app_redirect_uris", { client_id, redirect_uri })),
    ...app.scopes.map((scope) =>
      insert("app_scopes", {
        client_id,
        scope,
        is_default: app.optional.includes(scope) ? 0 : 1,
        is_optional: app.may_be_left_out.includes(scope) ? 1 : 0,
      }),
    ),
    ...(app.secret ? [secretRow(app, app.secret)] : []),
    ...app.grants.map(({ api, subject_type, access, scopes = [] }) =>
      insert("client_grants", { client_id, api_id: api, subject_type, access, scopes: JSON.stringify(scopes) }),
    ),
  ];
}

const secretRow = ({ client_id }, secret) =>
  insert("client_secrets", {
    id: `sec_${randomBytes(8).toString("hex")}`,
    client_id,
    secret_hash: sha256(secret),
    hint: secret.slice(-4),
    created_at: Date.now(),
  });

const userRow = (username) =>
  insert("users", { id: `usr_${username}`, username, name: `${username} Example`, created_at: Date.now() });

function apiRows({ id, resource, name, scopes, credential }) {
  const created_at = Date.now();
  const secret_hash = sha256(credential.secret);
  return [
    insert("apis", { id, resource, name, created_at }),
    insert("api_credentials", { id: credential.client_id, api_id: id, secret_hash, created_at }),
    ...scopes.map((scope, position) => insert("scopes", { ...scope, api_id: id, position })),
  ];
}

export function loadPlatform(db) {
  const rows = [
    ...users.map(userRow),
    ...Object.entries(developers).map(([id, name]) =>
      insert("developers", { id: `dev_${id}`, name, created_at: Date.now() }),
    ),
    ...Object.values(apis).flatMap(apiRows),
    insert("client_grants", { client_id: "*", api_id: "api_projects", subject_type: "user", access: "all" }),
    ...[...Object.values(apps), ...unapproved].flatMap(appRows),
  ];
  return db.exec(rows.join("\n"));
}

export const loadLogo = (kv) => kv.put(logoKey(logo.name), new Uint8Array(logo.bytes).buffer);

let made = 0;

// Someone, or an app, that no other test knows of.
export async function newUser({ db }) {
  const username = `guest${++made}`;
  await db.exec(userRow(username));
  return username;
}

export async function newApp({ db }, changes = {}) {
  const app = describeApp(`app${++made}`, changes);
  await db.exec(appRows(app).join("\n"));
  return app;
}

// One more API, of which every third-party app may ask its users for everything.
export async function addApi({ db }, id, resource, name, scopes) {
  const added = api(id, resource, name, scopes);
  const everything = insert("client_grants", { client_id: "*", api_id: id, subject_type: "user", access: "all" });
  await db.exec([...apiRows(added), everything].join("\n"));
  return added;
}

export async function addSecret({ db }, app) {
  const secret = `lks_${randomBytes(32).toString("base64url")}`;
  await db.exec(secretRow(app, secret));
  return secret;
}

// As the console would: the status changes, and the epoch with it.
export const suspend = (latchkey, { client_id }) =>
  latchkey.run("UPDATE apps SET status = 'suspended', epoch = epoch + 1 WHERE client_id = ?", client_id);

export const addTester = (latchkey, { client_id }, username) =>
  latchkey.run("INSERT INTO app_testers (client_id, user_id, added_at) VALUES (?, ?, ?)", client_id, `usr_${username}`, Date.now());
