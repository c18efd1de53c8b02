// The conformance tool of the Model Context Protocol, at its "authorization" command: it reads the metadata, prints the
// address that a user's browser should open, waits for the code at a port of its own, and redeems it.
import { startHttpsHost } from "./support/https_host.mjs";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { signedIn } from "./support/browser.mjs";
import { freePorts } from "./support/free_ports.mjs";
import { startMcpServer } from "./support/mcp.mjs";
import { newUser } from "./support/platform.mjs";

const TOOL = fileURLToPath(import.meta.resolve("@modelcontextprotocol/conformance/dist/index.js"));
// The last of sessions, and the first without.
const REVISIONS = ["2025-11-25", "2026-07-28"];
const CHECKS = ["authorization-server-metadata", "authorization-server-metadata-cimd", "authorization-code-grant"];

const mcp = await startMcpServer({ DYNAMIC_REGISTRATION: "open" });
const site = await startHttpsHost((request, response) => {
  const document = { client_id: site.origin + request.url, redirect_uris: ["http://127.0.0.1/callback"] };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
});

// What the tool found, by the name of the check: { status, errorMessage }.
async function run(options, decision) {
  const [port] = await freePorts(1);
  const results = await mkdtemp(path.join(tmpdir(), "latchkey-conformance-"));
  after(() => rm(results, { recursive: true, force: true }));
  const flags = { "--url": mcp.latchkey.issuer, "--resource": mcp.resource, "--port": port, "--output-dir": results, ...options };
  const tool = spawn(process.execPath, [TOOL, "authorization", ...Object.entries(flags).flat().map(String)], {
    cwd: results,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  let consent;
  for (const stream of [tool.stdout, tool.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const [, address] = /^(http\S+\/oauth\/authorize\?\S+)\n/m.exec(printed) ?? [];
      if (address) consent ??= decide(address, decision).catch((error) => (tool.kill(), Promise.reject(error)));
    });
  const [code] = await once(tool, "close");
  await consent;

  const found = {};
  for (const folder of await readdir(results))
    for (const check of JSON.parse(await readFile(path.join(results, folder, "checks.json"), "utf8"))) found[check.id] = check;
  return { code, found, printed };
}

// As somebody in front of a browser would, up to the page of the tool.
async function decide(address, decision = { button: "allow" }) {
  const browser = await signedIn(mcp.latchkey, await newUser(mcp.latchkey));
  const page = await browser.authorize(address);
  assert.equal(page.status, 200, page.source ?? String(page.leaves));
  const { leaves } = await browser.submit(page.forms[0], decision);
  await fetch(leaves);
}

async function register(metadata) {
  const body = JSON.stringify({ redirect_uris: ["http://127.0.0.1/callback"], ...metadata });
  const answer = await mcp.latchkey.fetch("/oauth/register", { method: "POST", headers: { "content-type": "application/json" }, body });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { client_id, client_secret } = await answer.json();
  return { "--client-id": client_id, ...(client_secret && { "--client-secret": client_secret }) };
}

const CLIENTS = {
  "whose id is the address of a document": async () => ({ "--client-id": `${site.origin}/client.json` }),
  "that registered itself": () => register({ token_endpoint_auth_method: "none" }),
};

for (const revision of REVISIONS)
  for (const [kind, client] of Object.entries(CLIENTS)) {
    // Covers: R63
    // Rule: PEER 23
    test(`every check of revision ${revision} passes for a client ${kind}`, async () => {
      const { code, found, printed } = await run({ "--spec-version": revision, ...(await client()) });
      const outcome = Object.fromEntries(Object.entries(found).map(([id, { status }]) => [id, status]));
      assert.deepEqual(outcome, Object.fromEntries(CHECKS.map((id) => [id, "SUCCESS"])), printed);
      assert.equal(code, 0);
    });
  }

// So that the tests above say something.
test("the tool finds fault where documents are switched off and the user says no", async () => {
  await mcp.restartLatchkey({ METADATA_DOCUMENTS: "off", DYNAMIC_REGISTRATION: "open" });
  const client = await register({ token_endpoint_auth_method: "none" });
  const { code, found } = await run({ "--spec-version": REVISIONS[1], ...client }, { button: "deny" });
  assert.deepEqual(
    CHECKS.map((id) => found[id].status),
    ["SUCCESS", "WARNING", "FAILURE"],
  );
  assert.match(found[CHECKS[2]].errorMessage, /access_denied/);
  assert.equal(code, 1);
});
