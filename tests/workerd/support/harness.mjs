// Latchkey in workerd, with its migrations applied and the platform of platform.mjs in it.
// Its issuer is fixed; requests to it reach the harness wherever that listens.
import { after } from "node:test";
import { createTestHarness } from "wrangler";
import { ApiDocument } from "./document.mjs";
import { loadLogo, loadPlatform, PLATFORM_NAME } from "./platform.mjs";
import { assembleWorker, configPath } from "./worker_directory.mjs";

// No look-ups on the internet when workerd starts.
process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
process.env.WRANGLER_SEND_METRICS = "false";

export const ISSUER = "http://localhost:8787";

// Without limits: all of a test file's requests come from one address.
export const vars = { ISSUER, PLATFORM_NAME, DEVELOPMENT_SIGN_IN: "true", RATE_LIMITS: "off" };
export const secrets = { LATCHKEY_SECRET: `1:${Buffer.alloc(32, 7).toString("base64url")}` };

// The tables of what is counted: they grow by the hour and not by the request (usage.test.mjs), and a second later.
export const COUNTED = ["usage_hours", "usage_days", "usage_writers", "call_hours", "call_days", "app_active_users", "app_errors"]
  .map((name) => `'${name}'`)
  .join(", ");

// The test file's own server; it ends with the file.
export async function startLatchkey(options = {}) {
  const assembled = await assembleWorker();
  const server = createTestHarness({
    workers: [
      {
        configPath,
        prebuiltWorkerDir: assembled.directory,
        vars: { ...vars, ...options.vars },
        secrets: { ...secrets, ...options.secrets },
      },
    ],
  });
  after(async () => {
    await server.close();
    await assembled.remove();
  });
  await server.listen();
  const worker = server.getWorker();
  await worker.applyD1Migrations("DB");
  const env = await worker.getEnv();
  await loadPlatform(env.DB);
  await loadLogo(env.KV);
  const latchkey = new Latchkey(server, worker, env);
  latchkey.document = new ApiDocument(await (await latchkey.fetch("/openapi.json")).json());
  return latchkey;
}

export class Latchkey {
  constructor(server, worker, env, issuer = ISSUER) {
    this.issuer = issuer;
    this.server = server;
    this.worker = worker;
    this.db = env.DB;
    this.kv = env.KV;
    this.ledgers = env.LEDGER;
    this.feeds = env.FEED;
    this.counters = env.COUNTER;
    // What its answers are held against: see document.mjs.
    this.document = undefined;
    this.fetch = this.fetch.bind(this);
  }

  // As `fetch`, but redirects are never followed, and `faults` (see faults/plan.mjs) go wrong on the way.
  async fetch(input, { faults, ...init } = {}) {
    // Put together, not resolved: "//oauth/token" is a path here, and no other host.
    const url = new URL(String(input).startsWith("/") ? this.issuer + input : input);
    if (url.origin !== this.issuer) throw new Error(`a test wanted to leave for ${url.origin}`);
    const headers = new Headers(init.headers);
    if (faults) headers.set("x-test-faults", JSON.stringify(faults));
    const body = init.body instanceof URLSearchParams ? init.body.toString() : init.body;
    if (init.body instanceof URLSearchParams && !headers.has("content-type"))
      headers.set("content-type", "application/x-www-form-urlencoded");
    const answer = await this.worker.fetch(url.href, {
      method: init.method,
      headers: [...headers],
      body,
      redirect: "manual",
    });
    const bytes = await answer.arrayBuffer();
    const { status } = answer;
    const text = new TextDecoder().decode(bytes);
    this.document?.check(init.method ?? "GET", url.pathname, { status, headers: answer.headers, text });
    const hasBody = ![101, 204, 205, 304].includes(answer.status);
    return new Response(hasBody ? bytes : null, { status: answer.status, headers: [...answer.headers] });
  }

  // The lines the Worker has written about its requests since the last call, oldest first.
  takeLines() {
    const written = this.server.getLogs().flatMap(({ message }) => message.split("\n"));
    this.server.clearLogs();
    return written.filter((line) => line.startsWith("{"));
  }

  runSchedule() {
    return this.worker.scheduled({ cron: "*/5 * * * *", scheduledTime: new Date() });
  }

  // The same in a request, so that the costs are known: [{ sql, read, written }] of its transactions.
  async scheduleCosts() {
    const answer = await this.worker.fetch(`${ISSUER}/`, { headers: [["x-test-schedule", "*/5 * * * *"]] });
    return answer.json();
  }

  // Calls every ledger object, by the methods of faults/objects.mjs.
  eachLedger(call) {
    return this.#eachObject("LEDGER", this.ledgers, call);
  }

  // The same for the objects of the revocation feed.
  eachFeed(call) {
    return this.#eachObject("FEED", this.feeds, call);
  }

  // The same for those that count calls.
  eachCounter(call) {
    return this.#eachObject("COUNTER", this.counters, call);
  }

  async #eachObject(binding, namespace, call) {
    for (const id of await this.worker.listDurableObjectIds(binding)) await call(namespace.get(namespace.idFromString(id)), id);
  }

  // What every ledger does by alarm half a minute after a use, done now.
  ringLedgers() {
    return this.eachLedger((ledger) => ledger.ringAlarm());
  }

  // The rows of all ledgers together: { families: [...], ... }
  async ledgerRows() {
    const all = {};
    for (const id of await this.worker.listDurableObjectIds("LEDGER")) {
      const storage = await this.worker.getDurableObjectStorage("LEDGER", { id });
      for (const table of await tablesOf(storage))
        (all[table] ??= []).push(...(await storage.exec(`SELECT * FROM ${table}`)));
    }
    return all;
  }

  async count(table, where = "1 = 1", ...values) {
    const row = await this.db
      .prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`)
      .bind(...values)
      .first();
    return row.n;
  }

  run(sql, ...values) {
    return this.db
      .prepare(sql)
      .bind(...values)
      .run();
  }

  async rows(sql, ...values) {
    return (
      await this.db
        .prepare(sql)
        .bind(...values)
        .all()
    ).results;
  }

  // Lets `milliseconds` pass for everything the ledger keeps, by moving its times into the past. Its objects
  // keep no time in memory, so they go on as they are.
  async age(milliseconds) {
    for (const id of await this.worker.listDurableObjectIds("LEDGER"))
      await age(await this.worker.getDurableObjectStorage("LEDGER", { id }), milliseconds);
  }
}

// What the request cost: { "KV.get": 1, "LEDGER.fetch": 1, depth: 2 }
export const trips = (answer) => JSON.parse(answer.headers.get("x-test-trips"));

// How many rows the database read for it, its indexes included.
export const rowsRead = (answer) => Number(answer.headers.get("x-test-rows-read"));
export const rowsWritten = (answer) => Number(answer.headers.get("x-test-rows-written"));

async function tablesOf(storage) {
  const tables = await storage.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*'");
  return tables.map(({ name }) => name);
}

// Every millisecond time there is, as a number of its own or inside a JSON text. In few calls, because each is a trip.
async function age(storage, milliseconds) {
  const isTime = (value) => typeof value === "number" && value > 1e12 && value < 2e12;
  const isJson = (value) => typeof value === "string" && value.startsWith("{");
  const earlier = (text) => text.replaceAll(/\b1\d{12}\b/g, (time) => time - milliseconds);
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
  const changes = new Set();
  for (const table of await tablesOf(storage)) {
    for (const row of await storage.exec(`SELECT * FROM ${table}`)) {
      for (const [column, value] of Object.entries(row)) {
        if (isTime(value))
          changes.add(`UPDATE ${table} SET ${column} = ${column} - ${milliseconds} WHERE ${column} BETWEEN 1e12 AND 2e12`);
        if (isJson(value))
          changes.add(`UPDATE ${table} SET ${column} = ${quoted(earlier(value))} WHERE ${column} = ${quoted(value)}`);
      }
    }
  }
  if (changes.size > 0) await storage.exec([...changes].join(";\n"));
}
