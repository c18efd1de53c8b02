/** `make dev`: the local platform, with everything its workers print. State lives in `.local/` and survives a restart. */
import path from "node:path";
import { ADDRESSES, PLATFORM_NAME } from "./demo-data.mjs";
import { ROOT, startPlatform } from "./local-platform.mjs";
import { stopAll } from "./processes.mjs";

const INSPECTOR_PORTS = [9260, 9261, 9262, 9263, 9264, 9265];
const COLOURS = { latchkey: 36, "projects-api": 33, "partner-app": 35, "platform-login": 32, "mcp-server": 34, dashboard: 31 };

// A terminal that was closed takes no more words; stopping the workers still has to go on.
process.stdout.on("error", () => {});

/** Resolves when somebody asks us to stop. */
const interrupted = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve("stop"));
});

try {
  const home = path.join(ROOT, ".local");
  const starting = startPlatform({ home, addresses: ADDRESSES, inspectorPorts: INSPECTOR_PORTS, say, show });
  const platform = await Promise.race([interrupted, starting]);
  if (platform !== "stop") {
    sayWhatToOpen(platform.description);
    const how = await Promise.race([interrupted, platform.lost]); // if one worker ends, the rest has no use
    if (how instanceof Error) throw how;
  }
  say("Stopping …");
} catch (error) {
  process.exitCode = 1;
  say(`make dev: ${error.message}`);
}
await stopAll();
process.exit();

function sayWhatToOpen({ users, clients }) {
  const names = (role) =>
    users
      .filter((user) => user.role === role)
      .map(({ username }) => username)
      .join(" or ");
  const { issuer, resource, partner, mcp, dashboard } = ADDRESSES;
  const phone = clients.find(({ kind }) => kind === "phone").client_id;
  box([
    `${PLATFORM_NAME} is up.`,
    "",
    `Connect an app      ${partner}`,
    `or a dashboard      ${dashboard}`,
    `or a "phone"        CLIENT_ID=${phone} \\`,
    "                      tools/run node examples/phone-cli/phone.js connect",
    `Connected apps      ${issuer}/account/apps`,
    `The platform's API  ${resource}`,
    `Its tools by MCP    ${mcp}`,
    "",
    `Sign in as ${names("user")}, by name alone or by their Acme account`,
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
  const text = line.replace("[custom build] ", "");
  if (text.trim() === "") return;
  const name = label.padEnd(14);
  say(`${process.stdout.isTTY && COLOURS[label] ? `\x1b[${COLOURS[label]}m${name}\x1b[0m` : name} │ ${text}`);
}
