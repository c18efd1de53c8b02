import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { demoPlatform, newIdentities, people } from "../../tools/demo-data.mjs";
import { d1 } from "./support/storage.mjs";

async function migrated(folder) {
  const directory = new URL(`../../${folder}/`, import.meta.url);
  const files = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  const scripts = await Promise.all(files.map((name) => readFile(new URL(name, directory), "utf8")));
  return d1("PRAGMA foreign_keys = ON", ...scripts).database;
}

const hash = (text) => createHash("sha256").update(text).digest("base64url");

test("the demo platform fits both databases, and what the description promises is in them", async () => {
  const identities = newIdentities();
  const { description, latchkey, projectsApi } = demoPlatform(identities);
  const db = await migrated("migrations");
  const projects = await migrated("examples/projects-api/migrations");
  for (const sql of latchkey) db.exec(sql);
  for (const sql of projectsApi) projects.exec(sql);

  for (const { kind, client_id, client_secret, private_key, redirect_uris } of description.clients) {
    const app = db.prepare("SELECT app_type, status, jwks FROM apps WHERE client_id = ?").get(client_id);
    const { d, ...registered } = private_key ?? {};
    assert.deepEqual(app.jwks && JSON.parse(app.jwks).keys, private_key ? [registered] : null);
    assert.ok(!private_key || !app.jwks.includes(d));
    assert.equal(app.status, "approved");
    assert.equal(app.app_type, { public: "spa", phone: "mobile" }[kind] ?? "web");
    const hashes = db.prepare("SELECT secret_hash, hint FROM client_secrets WHERE client_id = ?").all(client_id);
    assert.deepEqual(
      hashes.map((row) => ({ ...row })),
      client_secret ? [{ secret_hash: hash(client_secret), hint: client_secret.slice(-4) }] : [],
    );
    const uris = db.prepare("SELECT redirect_uri FROM app_redirect_uris WHERE client_id = ?").all(client_id);
    assert.deepEqual(uris.map(({ redirect_uri }) => redirect_uri).sort(), [...redirect_uris].sort());
    assert.equal(db.prepare("SELECT count(*) AS n FROM app_scopes WHERE client_id = ?").get(client_id).n, 6);
  }
  const scopes = description.apis.flatMap((api) => api.scopes);
  const algorithms = db.prepare("SELECT resource, signing_algorithm FROM apis ORDER BY rowid").all();
  assert.deepEqual(
    algorithms.map((row) => ({ ...row })),
    description.apis.map(({ resource, signing_algorithm }) => ({ resource, signing_algorithm })),
  );
  const { introspection, mcp } = identities;
  for (const { client_id, client_secret } of [introspection, mcp]) {
    const credential = db.prepare("SELECT secret_hash FROM api_credentials WHERE id = ?").get(client_id);
    assert.equal(credential.secret_hash, hash(client_secret));
  }
  assert.deepEqual(
    db
      .prepare("SELECT s.name FROM scopes s JOIN apis a ON a.id = s.api_id ORDER BY a.rowid, s.position")
      .all()
      .map(({ name }) => name),
    scopes,
  );

  const { id } = db.prepare("SELECT id FROM users WHERE username = 'alice'").get();
  assert.equal(projects.prepare("SELECT count(*) AS n FROM projects WHERE user_id = ?").get(id).n, 3);
  const everything = JSON.stringify([...latchkey, ...projectsApi]);
  for (const { client_secret, private_key } of description.clients)
    for (const secret of [client_secret, private_key?.d]) assert.ok(!secret || !everything.includes(secret));
  for (const { client_secret } of [introspection, mcp]) assert.ok(!everything.includes(client_secret));

  const { login_url, jwks, ...connection } = db.prepare("SELECT * FROM connections").get();
  assert.deepEqual([connection.kind, connection.domain_level, connection.status], ["hand_off", 1, "active"]);
  assert.equal(login_url, `${connection.issuer}/login`);
  const { d, ...registered } = identities.signIn.signing_key;
  assert.deepEqual(JSON.parse(jwks).keys, [registered]);
  assert.ok(!everything.includes(d));
  for (const { id, password } of people(identities)) {
    const row = db.prepare("SELECT * FROM user_identities WHERE subject = ?").get(id);
    assert.deepEqual([row.user_id, row.issuer, row.connection_id], [id, connection.issuer, connection.id]);
    assert.ok(!everything.includes(password));
  }
});

test("the same identities make the same platform, others share no id and no secret", () => {
  const [one, two] = [newIdentities(), newIdentities()];
  assert.deepEqual(demoPlatform(one), demoPlatform(JSON.parse(JSON.stringify(one))));
  const ids = (identities) => JSON.stringify(identities).match(/(usr|dev|api|apc|app|lks|lka|sec|prj)_[\w-]+/g);
  assert.equal(new Set([...ids(one), ...ids(two)]).size, ids(one).length + ids(two).length);
});

test("the description has the shape that scripts rely on", () => {
  const { description } = demoPlatform(newIdentities());
  assert.deepEqual(Object.keys(description), ["issuer", "apis", "clients", "users"]);
  assert.deepEqual(description.apis.map(Object.keys), Array(3).fill(["resource", "signing_algorithm", "scopes"]));
  assert.deepEqual(
    description.clients.map((client) => Object.keys(client)),
    [
      ["kind", "client_id", "redirect_uris"],
      ["kind", "client_id", "client_secret", "redirect_uris"],
      ["kind", "client_id", "client_secret", "redirect_uris"],
      ["kind", "client_id", "private_key", "redirect_uris"],
      ["kind", "client_id", "private_key", "redirect_uris"],
      ["kind", "client_id", "client_secret", "redirect_uris"],
      ["kind", "client_id", "redirect_uris"],
    ],
  );
  assert.deepEqual(
    description.clients.map(({ kind }) => kind),
    ["public", "basic", "post", "private_key_jwt", "fapi", "dashboard", "phone"],
  );
  assert.deepEqual(
    description.users.map(({ password, ...user }) => user),
    [
      { username: "alice", role: "user" },
      { username: "ben", role: "user" },
      { username: "dana", role: "developer" },
      { username: "rita", role: "reviewer" },
      { username: "ada", role: "administrator" },
    ],
  );
  for (const { password } of description.users) assert.match(password, /^[a-z2-7]{10}$/);
  for (const { redirect_uris } of description.clients) {
    for (const uri of ["http://127.0.0.1/callback", "http://localhost/callback"])
      assert.ok(redirect_uris.includes(uri));
  }
});
