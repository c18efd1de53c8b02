import { DatabaseSync } from "node:sqlite";

/** As much of a D1 binding as the projects API uses, over Node's own SQLite. */
export function d1(...scripts) {
  const database = new DatabaseSync(":memory:");
  for (const script of scripts) database.exec(script);
  const plain = (row) => row && { ...row };
  const statement = (sql, values = []) => ({
    bind: (...bound) => statement(sql, bound),
    all: async () => ({
      results: database
        .prepare(sql)
        .all(...values)
        .map(plain),
    }),
    first: async () => plain(database.prepare(sql).get(...values)) ?? null,
    run: async () => database.prepare(sql).run(...values),
  });
  return { prepare: statement, database };
}

/** A Durable Object's storage, with a turn of the event loop in every call, so that races have room. */
export function objectStorage() {
  const entries = new Map();
  const turn = () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });
  const storage = {
    entries,
    /** @type {string[]} every write in order */
    writes: [],
    async get(key) {
      await turn();
      return structuredClone(entries.get(key));
    },
    async put(key, value) {
      await turn();
      storage.writes.push(`put ${key}`);
      entries.set(key, structuredClone(value));
    },
    async delete(key) {
      await turn();
      storage.writes.push(`delete ${key}`);
      return entries.delete(key);
    },
    async list({ prefix }) {
      await turn();
      return new Map([...entries].filter(([key]) => key.startsWith(prefix)));
    },
    async sync() {
      await turn();
      storage.writes.push("sync");
    },
    async setAlarm() {
      await turn();
    },
  };
  return storage;
}
