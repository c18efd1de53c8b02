// The way from a call to the rows of its user, at @latchkey/server: with a real database, and hostile routes.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { ConfigurationError, Refusal, scoped, scopeNeeded, userTables } from "@latchkey/server";
import { newGuard, newIssuer, request } from "./support/api_server.mjs";

const server = await newIssuer();
const guard = newGuard(server);
const authOf = async (sub) => guard.verify(request(await server.token({ sub })), scopeNeeded("read:projects"));
const alice = await authOf("usr_alice");
const ben = await authOf("usr_ben");

const limit = { usual: 2, most: 3 };
const TABLE = { user: "user_id", columns: ["id", "name", "done"] };

function newRows(changes = {}) {
  const database = new DatabaseSync(":memory:");
  database.exec(`CREATE TABLE projects (user_id TEXT, id TEXT, name TEXT, done INTEGER)`);
  const add = database.prepare("INSERT INTO projects VALUES (?, ?, ?, ?)");
  for (const [user, count] of [["usr_alice", 5], ["usr_ben", 2]])
    for (let n = 0; n < count; n += 1) add.run(user, `${user}-${n}`, `${user}'s ${n}`, n === 0 ? null : n % 2);
  const statements = [];
  const query = (sql, values) => {
    statements.push({ sql, values });
    return database.prepare(sql).all(...values);
  };
  const rowsOf = userTables({ tables: { projects: TABLE }, query, limit, ...changes });
  const all = () => database.prepare("SELECT user_id, id, name, done FROM projects ORDER BY id").all().map((row) => ({ ...row }));
  return { rowsOf, statements, all };
}
const ids = (rows) => rows.map(({ id }) => id);

// Covers: R66, B34
test("whatever a route asks for, it gets the rows of the token's user", async () => {
  const { rowsOf, statements, all } = newRows();
  const { projects } = rowsOf(ben);
  assert.deepEqual(ids(await projects.list({ orderBy: "id" })), ["usr_ben-0", "usr_ben-1"]);
  assert.deepEqual(await projects.list({ where: { id: "usr_alice-1" } }), []);
  assert.equal(await projects.find({ id: "usr_alice-1" }), undefined);
  assert.equal((await projects.find({ done: null })).id, "usr_ben-0");
  const before = all().filter(({ user_id }) => user_id === "usr_alice");
  await projects.update({ id: "usr_alice-1" }, { name: "taken" });
  await projects.update({}, { name: "mine" });
  await projects.delete({ id: "usr_alice-1" });
  await projects.delete({ id: "usr_ben-0" });
  await projects.insert({ id: "new", name: "New" });
  assert.deepEqual(all().filter(({ user_id }) => user_id === "usr_alice"), before);
  assert.deepEqual(
    all().filter(({ user_id }) => user_id === "usr_ben").map(({ id, name }) => [id, name]),
    [["new", "New"], ["usr_ben-1", "mine"]],
  );
  for (const { sql, values } of statements) {
    assert.match(sql, /"user_id"/);
    assert.ok(values.includes("usr_ben") && !values.includes("usr_alice"), sql);
  }
});

// Covers: R66, B34
test("without the context of a guard there is no way to the rows", () => {
  const { rowsOf } = newRows();
  const repositoryOf = scoped({ secret: 1 }, (database) => database);
  const forged = [undefined, null, {}, "usr_alice", { by: "user", userId: "usr_alice" }, { ...alice }, Object.create(alice)];
  for (const auth of forged) {
    assert.throws(() => rowsOf(auth), TypeError, String(auth));
    assert.throws(() => repositoryOf(auth), TypeError, String(auth));
  }
  assert.equal(repositoryOf(alice).secret, 1);
});

// Covers: B31
test("an app's own token has no rows", async () => {
  const own = await guard.verify(request(await server.ownToken()), scopeNeeded("read:projects", "app"));
  for (const of of [newRows().rowsOf, scoped({}, (_, userId) => userId)])
    assert.throws(() => of(own), (error) => error instanceof Refusal && error.status === 403);
});

// Covers: B34
test("the limit of the call is read, and capped", async () => {
  const { rowsOf } = newRows();
  const { projects } = rowsOf(alice);
  const count = async (limit) => (await projects.list({ limit })).length;
  assert.deepEqual(await Promise.all([undefined, null, 1, "1", "3", 4, "100", "999999999"].map(count)), [2, 2, 1, 1, 3, 3, 3, 3]);
  for (const limit of ["0", "-1", "1.5", "1e9", "", " 1", "1; DROP TABLE projects", ["1", "2"], {}, Number.NaN, Infinity, "9".repeat(10)])
    await assert.rejects(count(limit), (error) => error instanceof Refusal && error.status === 400, String(limit));
});

// Covers: B36
test("no row says whose it is", async () => {
  const { rowsOf } = newRows();
  const { projects } = rowsOf(alice);
  for (const row of [...(await projects.list()), await projects.find({ done: 1 })])
    assert.deepEqual(Object.keys(row), ["id", "name", "done"]);
  const showing = { projects: { user: "user_id", columns: ["id", "user_id"] } };
  assert.throws(() => userTables({ tables: showing, query: () => [] }), ConfigurationError);
});

// Covers: R66
test("names that come from a call are columns or nothing, and never the owner's", async () => {
  const { rowsOf, all } = newRows();
  const { projects } = rowsOf(ben);
  const before = all();
  for (const name of ["user_id", "USER_ID", 'id" = "id" OR "x', "1=1 --", "rowid", "constructor", "__proto__x"]) {
    const refused = (error) => error instanceof Refusal && error.status === 400;
    await assert.rejects(projects.list({ orderBy: name }), refused, name);
    await assert.rejects(projects.list({ where: { [name]: "usr_alice" } }), refused, name);
    await assert.rejects(projects.find({ [name]: "usr_alice" }), refused, name);
    await assert.rejects(projects.insert({ id: "x", [name]: "usr_alice" }), refused, name);
    await assert.rejects(projects.update({}, { [name]: "usr_alice" }), refused, name);
    await assert.rejects(projects.delete({ [name]: "usr_alice" }), refused, name);
  }
  assert.deepEqual(await projects.find({ id: "' OR 1=1 --" }), undefined);
  assert.deepEqual(all(), before);
});

test("a condition that lost its value finds nothing, and changes nothing", async () => {
  const { rowsOf, statements } = newRows();
  const { projects } = rowsOf(alice);
  for (const attempt of [
    () => projects.list({ where: { id: undefined } }),
    () => projects.find({ id: undefined }),
    () => projects.update({ id: undefined }, { name: "x" }),
    () => projects.update({}, {}),
    () => projects.delete({ id: undefined }),
    () => projects.delete({}),
  ])
    await assert.rejects(attempt(), TypeError);
  assert.deepEqual(statements, []);
});

test("names of tables and columns that are none stop the start", () => {
  for (const tables of [
    { 'pro"jects': TABLE },
    { projects: { user: "user id", columns: ["id"] } },
    { projects: { user: "user_id", columns: ["id; --"] } },
  ])
    assert.throws(() => userTables({ tables, query: () => [] }), ConfigurationError);
});

test("other databases write their placeholders in their own way", async () => {
  const seen = [];
  const query = async (sql, values) => void seen.push([sql, values]);
  const { projects } = userTables({ tables: { projects: TABLE }, query, placeholder: (n) => `$${n}` })(alice);
  assert.deepEqual(await projects.list({ where: { id: "a" }, orderBy: "name", limit: 7 }), []);
  await projects.update({ id: "a" }, { name: "b" });
  assert.deepEqual(seen, [
    ['SELECT "id", "name", "done" FROM "projects" WHERE "user_id" = $1 AND "id" = $2 ORDER BY "name" ASC LIMIT $3', ["usr_alice", "a", 7]],
    ['UPDATE "projects" SET "name" = $1 WHERE "user_id" = $2 AND "id" = $3', ["b", "usr_alice", "a"]],
  ]);
});
