/**
 * Latchkey, the platform's sign-in page, the projects API, the partner app, the MCP server and the dashboard, side by side
 * in workerd, with the demo platform loaded: what `make dev` shows and, without the last two, what the browser tests try.
 * Needs no network and no account.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ACCENT_COLOR, CONNECTION, people, PLATFORM_LOGO, PLATFORM_NAME } from "./demo-data.mjs";
import { loadDemo, writePrivately } from "./demo.mjs";
import { run, start } from "./processes.mjs";

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const WRANGLER = [process.execPath, path.join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js")];
const PROJECTS_API = "examples/projects-api/wrangler.toml";
const PARTNER_APP = "examples/partner-app/wrangler.toml";
const MCP_SERVER = "examples/mcp-server/wrangler.toml";
const DASHBOARD = "examples/analytics-dashboard/wrangler.toml";
const PLATFORM_LOGIN = "examples/platform-login/wrangler.toml";

// A shell that happens to export one of these would win over the files written below.
const NOT_FROM_THE_SHELL = [
  "ISSUER",
  "LATCHKEY_SECRET",
  "CLIENT_ID",
  "CLIENT_SECRET",
  "INTROSPECTION_CLIENT_ID",
  "INTROSPECTION_CLIENT_SECRET",
  "SIGNING_KEY",
  "SESSION_SECRET",
  "PEOPLE",
];

/**
 * Starts everything and returns when all of it answers.
 * @param {object} options
 * @param {string} options.home the folder of the databases, the secrets and `demo.json`; what is in it is kept
 * @param {import('./demo-data.mjs').Addresses} options.addresses
 * @param {number[]} options.inspectorPorts one for each
 * @param {string} [options.latchkey] Latchkey's configuration; another one for a Worker that is built already
 * @param {(text: string) => void} options.say what is going on
 * @param {(label: string, line: string) => void} options.show what the workers print
 * @returns {Promise<{description: object, lost: Promise<Error>}>} `lost` resolves when one of the workers has ended
 */
export async function startPlatform({ home, addresses, inspectorPorts, latchkey = "wrangler.toml", say, show }) {
  const workers = workersAt(addresses, latchkey);
  const state = path.join(home, "state");
  const options = { cwd: ROOT, env: environment(home), onLine: show };

  await requireFreePorts(workers);
  await writeSecretOnce(home);
  say("Applying the migrations of both databases …");
  await migrate(latchkey, "DB");
  await migrate(PROJECTS_API, "PROJECTS_DB");
  const { loaded, identities, description } = await loadDemo(home, addresses);
  say(loaded ? "Loaded the demo platform." : "The demo platform is there already (`make reset` starts afresh).");
  await writeCredentials(home, identities);

  // One after another: started together they race for ports and for SQLite's locks.
  const ends = [];
  for (const [place, worker] of workers.entries()) await startWorker(worker, inspectorPorts[place]);
  return { description, lost: Promise.race(ends) };

  async function migrate(config, binding) {
    const apply = [...WRANGLER, "d1", "migrations", "apply", binding, "--local", "-c", config, "--persist-to", state];
    try {
      await run("migrations", apply, options);
    } catch (error) {
      const where = path.relative(ROOT, state);
      throw new Error(`${error.message} The database in ${where} may be of another version of Latchkey: \`make reset\` starts afresh.`);
    }
  }

  async function startWorker({ label, config, origin, ready, vars }, inspector) {
    const { hostname, port } = new URL(origin);
    say(`Starting ${label} on ${origin} …`);
    const flags = {
      "-c": config,
      "--ip": hostname,
      "--port": port,
      "--inspector-port": String(inspector),
      "--persist-to": state,
      "--env-file": path.join(home, `${label}.env`),
    };
    const { ended } = start(
      label,
      [
        ...WRANGLER,
        "dev",
        "--show-interactive-dev-session=false",
        ...Object.entries(flags).flat(),
        ...Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]),
      ],
      options,
    );
    const lost = ended.then((how) => new Error(`${label} ended (${how}).`));
    ends.push(lost);
    const outcome = await Promise.race([lost, answers(label, origin + ready, say)]);
    if (outcome instanceof Error) throw outcome;
  }
}

// How agents connect can be tried with each way switched off (docs/agents.md).
const PASSED_ON = ["LOCAL_RESOURCES", "METADATA_DOCUMENTS", "DYNAMIC_REGISTRATION", "REGISTRATION_TOKEN"];

function workersAt({ issuer, resource, partner, signIn, mcp, dashboard }, latchkey) {
  return [
    {
      label: "latchkey",
      config: latchkey,
      origin: issuer,
      ready: "/healthz",
      // Off, so that a load test on this machine, which is one address, is not mistaken for an attack.
      vars: {
        ISSUER: issuer,
        PLATFORM_NAME,
        PLATFORM_LOGO,
        ACCENT_COLOR,
        DEVELOPMENT_SIGN_IN: "true",
        RATE_LIMITS: process.env.RATE_LIMITS ?? "off",
        ...Object.fromEntries(PASSED_ON.filter((name) => process.env[name]).map((name) => [name, process.env[name]])),
      },
    },
    {
      label: "projects-api",
      config: PROJECTS_API,
      origin: resource,
      ready: "/.well-known/oauth-protected-resource",
      vars: { ISSUER: issuer, RESOURCE: resource },
    },
    {
      label: "partner-app",
      config: PARTNER_APP,
      origin: partner,
      ready: "/",
      vars: { PLATFORM_NAME, ISSUER: issuer, API: resource, ORIGIN: partner },
    },
    {
      label: "platform-login",
      config: PLATFORM_LOGIN,
      origin: signIn,
      ready: "/",
      vars: {
        PLATFORM_NAME,
        ORIGIN: signIn,
        ISSUER: issuer,
        CALLBACK: `${issuer}/login/callback/${CONNECTION.id}`,
      },
    },
    ...(mcp ? [mcpServerAt(mcp, issuer)] : []),
    ...(dashboard ? [dashboardAt(dashboard, issuer, resource)] : []),
  ];
}

function mcpServerAt(resource, issuer) {
  return {
    label: "mcp-server",
    config: MCP_SERVER,
    origin: new URL(resource).origin,
    ready: "/.well-known/oauth-protected-resource",
    vars: { ISSUER: issuer, RESOURCE: resource },
  };
}

function dashboardAt(origin, issuer, resource) {
  return {
    label: "dashboard",
    config: DASHBOARD,
    origin,
    ready: "/",
    vars: { PLATFORM_NAME, ISSUER: issuer, API: resource, ORIGIN: origin },
  };
}

function environment(home) {
  const env = {
    ...process.env,
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: path.join(home, "logs"),
    // Apart from other projects' local Workers on this machine.
    WRANGLER_REGISTRY_PATH: path.join(home, "registry"),
  };
  for (const name of NOT_FROM_THE_SHELL) delete env[name];
  return env;
}

/** Waits as long as it takes: the first build compiles everything. */
async function answers(label, url, say) {
  const began = Date.now();
  for (let nextWord = 20; ; await sleep(100)) {
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

async function requireFreePorts(workers) {
  for (const { label, origin } of workers) {
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
async function writeSecretOnce(home) {
  const file = path.join(home, "latchkey.env");
  if (!existsSync(file)) await writePrivately(file, `LATCHKEY_SECRET=1:${randomBytes(32).toString("base64url")}\n`);
}

async function writeCredentials(home, identities) {
  const { introspection, mcp, apps, signIn } = identities;
  const write = (label, values) =>
    writePrivately(
      path.join(home, `${label}.env`),
      Object.entries(values)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(""),
    );
  await write("projects-api", {
    INTROSPECTION_CLIENT_ID: introspection.client_id,
    INTROSPECTION_CLIENT_SECRET: introspection.client_secret,
  });
  await write("mcp-server", {
    INTROSPECTION_CLIENT_ID: mcp.client_id,
    INTROSPECTION_CLIENT_SECRET: mcp.client_secret,
  });
  await write("platform-login", {
    SIGNING_KEY: quoted(signIn.signing_key),
    SESSION_SECRET: signIn.session_secret,
    PEOPLE: quoted(people(identities)),
  });
  const { client_id, client_secret } = apps.dashboard;
  await write("dashboard", { CLIENT_ID: client_id, CLIENT_SECRET: client_secret });
  await write("partner-app", { CLIENT_ID: apps.basic.client_id, CLIENT_SECRET: apps.basic.client_secret });
}

/** JSON as a value of such a file: between quotes, of which it holds none itself. */
function quoted(value) {
  return `'${JSON.stringify(value)}'`;
}
