// People and apps beyond those of the demo platform, and what no button does for a person: written into the databases.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { getPlatformProxy } from "wrangler";
import { sealing } from "../../workerd/support/sealed.mjs";
import { HOME, platform } from "./platform.mjs";

const { env, dispose } = await getPlatformProxy({
  configPath: fileURLToPath(new URL("../../../tools/local-databases.toml", import.meta.url)),
  persist: { path: path.join(HOME, "state", "v3") },
  remoteBindings: false,
});
after(dispose);

export const DAY = 24 * 3_600_000;

const bound = ([sql, ...values]) => env.DB.prepare(sql).bind(...values);

// Statements with their values, in one transaction. Another process serves from the same file, so it may be busy: found so
// at the first statement it is said by name, at the end, when all is undone, as an internal error.
async function runAll(statements) {
  for (let tries = 1; ; tries++) {
    try {
      return await env.DB.batch(statements.map(bound));
    } catch (error) {
      if (tries === 10 || !/SQLITE_BUSY|internal error/.test(error)) throw error;
      await pause(tries * 50);
    }
  }
}

export const run = (sql, ...values) => runAll([[sql, ...values]]);

const insert = (table, row) => {
  const places = Object.keys(row).map(() => "?");
  return [`INSERT INTO ${table} (${Object.keys(row)}) VALUES (${places})`, ...Object.values(row)];
};

export const insertInto = (table, row) => runAll([insert(table, row)]);

const id = (prefix) => prefix + randomBytes(10).toString("hex");

let people = 0;

// Somebody new, so that nothing done before shows.
export async function newPerson(changes = {}) {
  const username = `alice${++people}`;
  const person = { id: id("usr_"), username, name: "Alice Archer", account_name: "alice@acme.example", ...changes };
  await runAll([insert("users", { ...person, created_at: Date.now() })]);
  return person;
}

export const SITE = "https://partner.example/callback";
export const PROGRAM = "http://127.0.0.1:53682/callback";
export const SCHEME = "com.example.planner:/callback";

const [{ results: [{ logo: LOGO }] }] = await runAll([["SELECT logo FROM apps WHERE name = 'Northwind Planner'"]]);
const ALL_SCOPES = ["read:profile", "read:projects", "write:projects", "read:team", "read:invoices"];

// The standing of apps that nobody has reviewed.
export const UNVERIFIED = { class: "registered", status: "draft" };
export const TESTED = { class: "portal", status: "pending_review" };

// An app whose answers go to a site, to a program on this device and to an app of its own scheme.
export async function newApp(described = {}) {
  const { name = "Northwind Planner", developer = "Northwind Labs", scopes = ALL_SCOPES, optional = [], ...changes } = described;
  const [client_id, developer_id] = [id("app_"), id("dev_")];
  const created_at = Date.now();
  const record = { description: "Plans your week around your projects.", app_type: "web", class: "portal", status: "approved", logo: LOGO };
  await runAll([
    insert("developers", { id: developer_id, name: developer, created_at }),
    insert("apps", { client_id, developer_id, name, ...record, created_at, ...changes }),
    ...[SITE, PROGRAM, SCHEME].map((redirect_uri) => insert("app_redirect_uris", { client_id, redirect_uri })),
    ...scopes.map((scope) => insert("app_scopes", { client_id, scope, is_default: 1, is_optional: Number(optional.includes(scope)) })),
  ]);
  return { client_id, name };
}

export const addTester = (person, app) =>
  run("INSERT INTO app_testers (client_id, user_id, added_at) VALUES (?, ?, ?)", app.client_id, person.id, Date.now());

// As many people have connected the app as may before its review.
export async function crowded({ client_id }) {
  const each = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)";
  await runAll([
    [`INSERT INTO users (id, username, name, created_at) ${each} SELECT 'usr_' || ?1 || i, ?1 || i, 'Somebody', 1 FROM n`, client_id],
    [
      "INSERT INTO consents (id, user_id, client_id, status, shard, created_at) " +
        `${each} SELECT 'cns_' || ?1 || i, 'usr_' || ?1 || i, ?1, 'active', 0, 1 FROM n`,
      client_id,
    ],
  ]);
}

// A second way to sign in, at a provider that nobody can reach.
await runAll([
  insert("connections", {
    id: "con_lakeside",
    kind: "oidc",
    name: "Lakeside University",
    domain_level: 1,
    position: 2,
    issuer: "http://127.0.0.1:9",
    client_id: "latchkey",
    client_authentication: "none",
    created_at: Date.now(),
  }),
]);

// As if the person had connected the app; `ago` in days, `used` too, if ever.
export async function connected(person, app, { ago = 0, used, scopes = ["read:profile", "read:projects"], ...changes } = {}) {
  const consent_id = id("cns_");
  const at = (days) => Date.now() - days * DAY;
  const consent = {
    id: consent_id,
    user_id: person.id,
    client_id: app.client_id,
    status: "active",
    shard: 0,
    created_at: at(ago),
    last_used_at: used === undefined ? null : at(used),
    ...changes,
  };
  const granted = scopes.map((scope) => insert("consent_scopes", { consent_id, scope, granted_at: at(ago) }));
  await runAll([insert("consents", consent), ...granted]);
}

export function authorizeUrl({ client_id }, { redirect_uri = SITE, scope = "read:profile read:projects", ...more } = {}) {
  const query = new URLSearchParams({
    response_type: "code",
    client_id,
    redirect_uri,
    scope,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    ...more,
  });
  return `${platform.issuer}/oauth/authorize?${query}`;
}

// The same sealed request, ten minutes later.
export async function expired(requestId) {
  const [, secret] = /^LATCHKEY_SECRET=(.*)$/m.exec(await readFile(path.join(HOME, "latchkey.env"), "utf8"));
  const { open, seal } = sealing(secret, "pending-request");
  return seal({ ...open(requestId), expires_at: Date.now() - 1 });
}
