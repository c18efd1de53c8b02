// The MCP server of examples/ in a workerd of its own, and Latchkey in another, both at the address they go by.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";
import { unstable_splitSqlQuery as statementsOf } from "wrangler";
import { freePorts } from "./free_ports.mjs";
import { startOwnLatchkey } from "./own_latchkey.mjs";
import { startOwnWorkerd } from "./own_workerd.mjs";
import { addApi } from "./platform.mjs";
import { assembleWorker } from "./worker_directory.mjs";

const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));

// { latchkey, resource, credential, restartLatchkey(vars) }; `vars` are Latchkey's.
export async function startMcpServer(vars = {}) {
  const home = await mkdtemp(path.join(tmpdir(), "latchkey-mcp-"));
  const assembled = await assembleWorker();
  const [port, ownPort] = await freePorts(2);
  const started = [];
  after(async () => {
    for (const { worker } of started) await worker.stop();
    await assembled.remove();
    await rm(home, { recursive: true, force: true });
  });
  const startLatchkey = async (vars) => {
    const latchkey = await startOwnLatchkey(assembled, path.join(home, "latchkey"), { vars, port });
    started.unshift(latchkey);
    return latchkey;
  };

  const running = { latchkey: await startLatchkey(vars), resource: `http://localhost:${ownPort}/mcp` };
  const api = await addApi(running.latchkey, "api_mcp", running.resource, "Acme Projects for agents", [
    { name: "mcp:read", title: "Read projects", description: "View your projects and tasks" },
    { name: "mcp:write", title: "Create projects", description: "Create projects for you" },
  ]);
  const worker = await startOwnWorkerd({
    config: path.join(EXAMPLES, "mcp-server", "wrangler.toml"),
    ...(await bundled(path.join(home, "mcp-server"))),
    vars: {
      ISSUER: running.latchkey.issuer,
      RESOURCE: running.resource,
      INTROSPECTION_CLIENT_ID: api.credential.client_id,
      INTROSPECTION_CLIENT_SECRET: api.credential.secret,
    },
    home: path.join(home, "state"),
    port: ownPort,
  });
  started.push({ worker });
  await fill((await worker.env()).PROJECTS_DB);

  running.credential = api.credential;
  // The same one, with other variables.
  running.restartLatchkey = async (vars) => {
    await started.shift().worker.stop();
    running.latchkey = await startLatchkey(vars);
  };
  return running;
}

async function bundled(directory) {
  const entry = path.join(directory, "index.js");
  await esbuild.build({
    entryPoints: [path.join(EXAMPLES, "mcp-server", "src", "index.js")],
    outfile: entry,
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
  return { directory, entry };
}

async function fill(db) {
  const sql = await readFile(path.join(EXAMPLES, "projects-api", "migrations", "0001_projects.sql"), "utf8");
  await db.batch(statementsOf(sql).map((statement) => db.prepare(statement)));
}
