// Latchkey in a workerd of its own (see own_workerd.mjs), which prints what it logs, so only problems.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { unstable_splitSqlQuery as statementsOf } from "wrangler";
import { ISSUER, Latchkey, secrets, vars } from "./harness.mjs";
import { startOwnWorkerd } from "./own_workerd.mjs";
import { loadPlatform } from "./platform.mjs";
import { configPath } from "./worker_directory.mjs";

const migrations = path.join(path.dirname(configPath), "migrations");

// `assembled` comes from worker_directory.mjs; a `home` that was used before goes on with what it holds. `port`: it is
// reached there, and that is its issuer. `outbound` answers what it fetches.
export async function startOwnLatchkey(assembled, home, { vars: more = {}, quiet = false, port, outbound } = {}) {
  const { directory, entry } = assembled;
  const issuer = port === undefined ? ISSUER : `http://localhost:${port}`;
  const process = await startOwnWorkerd({
    config: configPath,
    directory,
    entry,
    vars: { ...vars, ISSUER: issuer, REQUEST_LOG: "problems", ...secrets, ...more },
    home,
    quiet,
    port,
    outbound,
  });
  const env = await process.env();
  if (!(await env.DB.prepare("SELECT 1 FROM sqlite_master WHERE name = 'users'").first())) await fill(env.DB);
  return new Latchkey(undefined, process, env, issuer);
}

async function fill(db) {
  for (const file of (await readdir(migrations)).sort()) {
    const sql = await readFile(path.join(migrations, file), "utf8");
    await db.batch(statementsOf(sql).map((statement) => db.prepare(statement)));
  }
  await loadPlatform(db);
}
