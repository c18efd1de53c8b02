// schemathesis tries every operation of the OpenAPI document: with its examples, at the limits of its schemas, and with
// what they do not allow. No answer may be a 5xx, or otherwise than the document says. `make api-fuzz` tries more.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER } from "./support/harness.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

// At the limits of the schemas, and so many made-up cases besides; only a long run also follows what was created.
const LONG = process.env.LATCHKEY_API_FUZZ;
const EXAMPLES = Number(LONG ?? 1);
const ROOT = path.join(import.meta.dirname, "../..");
// They would end the session that the others are tried with.
const LEFT_OUT = ["end_sessions", "end_session"];

let latchkey, home, assembled;
before(async () => {
  assembled = await assembleWorker();
  home = await mkdtemp(path.join(tmpdir(), "latchkey-api-"));
  // It would print a line for each of the thousands of refusals.
  latchkey = await startOwnLatchkey(assembled, home, { quiet: true });
});
after(async () => {
  await latchkey?.worker.stop();
  await assembled?.remove();
  if (home) await rm(home, { recursive: true, force: true });
});

// Runs it, and shows what it says only if it found something.
async function schemathesis(options, headers) {
  const at = `http://127.0.0.1:${latchkey.worker.port}`;
  const all = [
    ...["--config-file", path.join(ROOT, "tools/schemathesis.toml"), "run", `${at}/openapi.json`, "--url", at],
    ...["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance"],
    ...["--seed", "1", "--max-examples", EXAMPLES, "--workers", "1", "--continue-on-failure", "--request-timeout", "30", "--warnings", "off"],
    // The document's limits are on what is sent, not on how long it takes to make it up.
    ...["--suppress-health-check", "all", "--no-shrink", "--output-sanitize", "false"],
    ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
    ...options,
  ];
  const child = spawn(path.join(ROOT, "tools/schemathesis"), all.map(String), { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  assert.equal(code, 0, said);
  return said;
}

test("every operation, asked by somebody who may do everything, answers as the document says", async (t) => {
  for (const role of ["reviewer", "administrator"])
    await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', ?)", role);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role, added_at) VALUES ('dev_northwind', 'usr_alice', 'owner', 0)",
  );
  const browser = await signedIn(latchkey, "alice");
  const cookie = [...browser.cookies].map((pair) => pair.join("=")).join("; ");
  const said = await schemathesis(
    [...LEFT_OUT.flatMap((name) => ["--exclude-operation-id", name]), ...(LONG ? [] : ["--phases", "examples,coverage,fuzzing"])],
    { Cookie: cookie, Origin: ISSUER },
  );
  t.diagnostic(said.split("\n").filter((line) => /generated|passed|Operations|tested/i.test(line)).join("; "));
  const answer = await browser.request("/api/user/sessions");
  assert.equal(answer.status, 200, "the session ended on the way, so the rest was asked by a stranger");
});

test("every operation, asked by a stranger, answers as the document says", async () => {
  await schemathesis(["--phases", "examples"], {});
});
