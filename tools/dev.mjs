/**
 * `make dev`: Latchkey, the projects API and the partner app, side by side in workerd, with the demo platform loaded.
 * Needs no network and no account. State lives in `.local/` and survives a restart.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ISSUER, PARTNER_ORIGIN, PLATFORM_NAME, RESOURCE } from "./demo-data.mjs";
import { loadDemo, writePrivately } from "./demo.mjs";
import { run, start, stopAll } from "./processes.mjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const LOCAL = path.join(ROOT, ".local");
const STATE = path.join(LOCAL, "state");
const WRANGLER = [process.execPath, path.join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js")];
const FIRST_INSPECTOR_PORT = 9260;

const WORKERS = [
  {
    label: "latchkey",
    config: "wrangler.toml",
    origin: ISSUER,
    ready: "/healthz",
    args: ["--var", `ISSUER:${ISSUER}`, "--var", `PLATFORM_NAME:${PLATFORM_NAME}`, "--var", "DEVELOPMENT_SIGN_IN:true"],
  },
  {
    label: "projects-api",
    config: "examples/projects-api/wrangler.toml",
    origin: RESOURCE,
    ready: "/.well-known/oauth-protected-resource",
  },
  { label: "partner-app", config: "examples/partner-app/wrangler.toml", origin: PARTNER_ORIGIN, ready: "/" },
];

const ENVIRONMENT = {
  ...process.env,
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG_PATH: path.join(LOCAL, "logs"),
  // Apart from other projects' local Workers on this machine.
  WRANGLER_REGISTRY_PATH: path.join(LOCAL, "registry"),
};
// A shell that happens to export one of these would win over the files written below.
for (const name of [
  "ISSUER",
  "LATCHKEY_SECRET",
  "CLIENT_ID",
  "CLIENT_SECRET",
  "INTROSPECTION_CLIENT_ID",
  "INTROSPECTION_CLIENT_SECRET",
]) {
  delete ENVIRONMENT[name];
}
const OPTIONS = { cwd: ROOT, env: ENVIRONMENT, onLine: show };
const COLOURS = { latchkey: 36, "projects-api": 33, "partner-app": 35 };

// A terminal that was closed takes no more words; stopping the workers still has to go on.
process.stdout.on("error", () => {});

/** Resolves when somebody asks us to stop. */
const interrupted = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve(signal));
});

/** The workers that should be up; if one ends, the rest has no use. */
const ends = [];

try {
  const outcome = await Promise.race([interrupted, bringUp()]);
  if (outcome === "up") {
    const how = await Promise.race([interrupted, ...ends]);
    if (how instanceof Error) throw how;
  }
  say("Stopping …");
} catch (error) {
  process.exitCode = 1;
  say(`make dev: ${error.message}`);
}
await stopAll();
process.exit();

async function bringUp() {
  await requireFreePorts();
  await writeSecretOnce();

  say("Applying the migrations of both databases …");
  await migrate("wrangler.toml", "DB");
  await migrate("examples/projects-api/wrangler.toml", "PROJECTS_DB");

  const { loaded, description } = await loadDemo(ROOT);
  say(loaded ? "Loaded the demo platform." : "The demo platform is there already (`make reset` starts afresh).");
  await writeCredentials(description);

  // One after another: started together they race for ports and for SQLite's locks.
  for (const [place, worker] of WORKERS.entries()) await startWorker(worker, FIRST_INSPECTOR_PORT + place);
  sayWhatToOpen(description);
  return "up";
}

function migrate(config, binding) {
  return run(
    "migrations",
    [...WRANGLER, "d1", "migrations", "apply", binding, "--local", "-c", config, "--persist-to", STATE],
    OPTIONS,
  );
}

async function startWorker({ label, config, origin, ready, args = [] }, inspectorPort) {
  const { hostname, port } = new URL(origin);
  say(`Starting ${label} on ${origin} …`);
  const { ended } = start(
    label,
    [
      ...WRANGLER,
      "dev",
      "-c",
      config,
      "--ip",
      hostname,
      "--port",
      port,
      "--inspector-port",
      String(inspectorPort),
      "--persist-to",
      STATE,
      "--env-file",
      path.join(LOCAL, `${label}.env`),
      "--show-interactive-dev-session=false",
      ...args,
    ],
    OPTIONS,
  );
  const lost = ended.then((how) => new Error(`${label} ended (${how}).`));
  ends.push(lost);
  const outcome = await Promise.race([lost, answers(label, origin + ready)]);
  if (outcome instanceof Error) throw outcome;
}

/** Waits as long as it takes: the first build compiles everything. */
async function answers(label, url) {
  const began = Date.now();
  for (let nextWord = 20; ; await sleep(200)) {
    const status = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds >= nextWord) {
      say(`Still waiting for ${label} (${seconds} s${status ? `, it answers ${status}` : ""}) …`);
      nextWord += 20;
    }
  }
}

async function requireFreePorts() {
  for (const { label, origin } of WORKERS) {
    const { port } = new URL(origin);
    for (const host of ["127.0.0.1", "::1"]) {
      if (await isTaken(Number(port), host)) {
        throw new Error(
          `port ${port}, for ${label}, is in use. Stop what uses it (\`lsof -i :${port}\` names it) and try again.`,
        );
      }
    }
  }
}

function isTaken(port, host) {
  return new Promise((resolve) => {
    const server = net.createServer();
    // Any other error means that this machine has no such address, so nothing can listen there.
    server.once("error", (error) => resolve(error.code === "EADDRINUSE"));
    server.listen({ port, host }, () => server.close(() => resolve(false)));
  });
}

/** Made once: with another secret Latchkey could not open its own signing keys any more. */
async function writeSecretOnce() {
  const file = path.join(LOCAL, "latchkey.env");
  if (!existsSync(file)) await writePrivately(file, `LATCHKEY_SECRET=1:${randomBytes(32).toString("base64url")}\n`);
}

async function writeCredentials({ apis, clients }) {
  const [{ introspection }] = apis;
  const partner = clients.find(({ kind }) => kind === "basic");
  await writePrivately(
    path.join(LOCAL, "projects-api.env"),
    `INTROSPECTION_CLIENT_ID=${introspection.client_id}\nINTROSPECTION_CLIENT_SECRET=${introspection.client_secret}\n`,
  );
  await writePrivately(
    path.join(LOCAL, "partner-app.env"),
    `CLIENT_ID=${partner.client_id}\nCLIENT_SECRET=${partner.client_secret}\n`,
  );
}

function sayWhatToOpen({ users }) {
  const names = (role) =>
    users
      .filter((user) => user.role === role)
      .map(({ username }) => username)
      .join(" or ");
  box([
    `${PLATFORM_NAME} is up.`,
    "",
    `Connect an app      ${PARTNER_ORIGIN}`,
    `Connected apps      ${ISSUER}/account/apps`,
    `The platform's API  ${RESOURCE}`,
    "",
    `Sign in as ${names("user")}, by name alone`,
    `(${names("developer")} is a developer, ${names("reviewer")} reviews apps).`,
    "",
    "For scripts: .local/demo.json   Start afresh: make reset",
    "A change in src/ is rebuilt and live by itself. Ctrl-C stops.",
  ]);
}

function box(lines) {
  const width = Math.max(...lines.map((line) => line.length));
  const edge = "─".repeat(width + 2);
  say(`┌${edge}┐\n${lines.map((line) => `│ ${line.padEnd(width)} │`).join("\n")}\n└${edge}┘`);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function show(label, line) {
  const name = label.padEnd(12);
  say(`${process.stdout.isTTY && COLOURS[label] ? `\x1b[${COLOURS[label]}m${name}\x1b[0m` : name} │ ${line}`);
}
