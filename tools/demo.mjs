/** Loads the demo platform into the local databases, once, and describes it in `demo.json` beside them. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { getPlatformProxy } from "wrangler";
import { demoPlatform, newIdentities } from "./demo-data.mjs";
import { logoKey } from "./logos.mjs";

/**
 * @param {string} home the folder of the local state
 * @param {import('./demo-data.mjs').Addresses} addresses
 * @returns {Promise<{loaded: boolean, identities: import('./demo-data.mjs').Identities,
 *   description: ReturnType<typeof demoPlatform>['description']}>}
 */
export async function loadDemo(home, addresses) {
  const identities = await keptIdentities(path.join(home, "state", "demo-identities.json"));
  const { description, latchkey, projectsApi, logos } = demoPlatform(identities, addresses);

  const { env, dispose } = await getPlatformProxy({
    configPath: fileURLToPath(new URL("local-databases.toml", import.meta.url)),
    persist: { path: path.join(home, "state", "v3") }, // where `wrangler dev --persist-to` with this state looks
    remoteBindings: false,
  });
  let loaded = false;
  try {
    const { id } = (await env.DB.prepare("SELECT id FROM users WHERE username = 'alice'").first()) ?? {};
    if (id && id !== identities.users.alice)
      throw new Error("The local database belongs to another demo platform. Run `make reset`.");
    // Loaded once, each in one transaction: whatever was changed since then stays as it is.
    if (!id) {
      for (const { name, bytes } of logos) await env.KV.put(logoKey(name), new Uint8Array(bytes).buffer);
      await run(env.DB, latchkey);
      loaded = true;
    }
    if (!(await env.PROJECTS_DB.prepare("SELECT 1 FROM profiles LIMIT 1").first()))
      await run(env.PROJECTS_DB, projectsApi);
  } finally {
    await dispose();
  }
  await writePrivately(path.join(home, "demo.json"), `${JSON.stringify(description, null, 2)}\n`);
  return { loaded, identities, description };
}

/** Ids and secrets live and die with the databases that hold them: the databases only have the secrets' hashes. */
async function keptIdentities(file) {
  const identities = newIdentities();
  try {
    const kept = JSON.parse(await readFile(file, "utf8"));
    const lacks = (made, kept) => Object.keys(made).some((name) => !kept[name]);
    if (lacks(identities, kept) || lacks(identities.users, kept.users) || lacks(identities.apps, kept.apps))
      throw new Error("The local demo platform was made by an earlier version. Run `make reset`.");
    return kept;
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  await writePrivately(file, JSON.stringify(identities));
  return identities;
}

/** @param {D1Database} database */
function run(database, statements) {
  return database.batch(statements.map((sql) => database.prepare(sql)));
}

/** Readable by nobody else on this machine. */
export async function writePrivately(file, content) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content, { mode: 0o600 });
}
