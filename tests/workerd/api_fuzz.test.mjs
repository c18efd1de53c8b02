// schemathesis tries every operation of the OpenAPI document: with its examples, at the limits of its schemas, and with
// what they do not allow. No answer may be a 5xx, or otherwise than the document says. `make api-fuzz` tries more.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { signedIn } from "./support/browser.mjs";
import { ISSUER } from "./support/harness.mjs";
import { basic } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apis, apps } from "./support/platform.mjs";
import { startReceiver } from "./support/receiver.mjs";
import { assembleWorker } from "./support/worker_directory.mjs";

// At the limits of the schemas, and so many made-up cases besides; only a long run also follows what was created.
const LONG = process.env.LATCHKEY_API_FUZZ;
const EXAMPLES = Number(LONG ?? 1);
const ROOT = path.join(import.meta.dirname, "../..");
// They would end the session that the others are tried with.
const LEFT_OUT = ["end_sessions", "end_session"];

const CONFIG = path.join(ROOT, "tools/schemathesis.toml");

// The rest of the web: the document of the examples, what this process serves, and nothing else.
const DOCUMENT = "https://agent.example.com/oauth/client.json";
function web(request) {
  const { hostname } = new URL(request.url);
  if (["127.0.0.1", "localhost"].includes(hostname)) return fetch(request);
  const document = { client_id: DOCUMENT, client_name: "Nimbus", redirect_uris: ["https://agent.example.com/callback"] };
  return request.url === DOCUMENT ? Response.json(document) : new Response(null, { status: 404 });
}

let latchkey, home, assembled, alice;
before(async () => {
  assembled = await assembleWorker();
  home = await mkdtemp(path.join(tmpdir(), "latchkey-api-"));
  // It would print a line for each of the thousands of refusals.
  latchkey = await startOwnLatchkey(assembled, home, { quiet: true, outbound: web });
  for (const role of ["reviewer", "administrator"])
    await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES ('usr_alice', ?)", role);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role, added_at) VALUES ('dev_northwind', 'usr_alice', 'owner', 0)",
  );
  alice = await signedIn(latchkey, "alice");
});
after(async () => {
  await latchkey?.worker.stop();
  await assembled?.remove();
  if (home) await rm(home, { recursive: true, force: true });
});

// Runs it, and shows what it says only if it found something.
async function schemathesis(options, headers, config = CONFIG) {
  const at = `http://127.0.0.1:${latchkey.worker.port}`;
  const all = [
    ...["--config-file", config, "run", `${at}/openapi.json`, "--url", at],
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

const withSession = () => ({ Cookie: [...alice.cookies].map((pair) => pair.join("=")).join("; "), Origin: ISSUER });
const leftOut = LEFT_OUT.flatMap((name) => ["--exclude-operation-id", name]);
const short = LONG ? [] : ["--phases", "examples,coverage,fuzzing"];
// What the documents allow, and little of it: the rest is refused before anything is looked up.
const brief = LONG ? [] : ["--phases", "examples,fuzzing", "--mode", "positive"];

async function stillSignedIn() {
  const answer = await alice.request("/api/user/sessions");
  assert.equal(answer.status, 200, "the session ended on the way, so the rest was asked by a stranger");
}

// Something of every kind that a path can name: { "path.client_id": "app_…" }, and where it has to be another.
async function things() {
  const json = async (method, target, body = {}, browser = alice) => {
    const headers = { origin: ISSUER, "content-type": "application/json" };
    const answer = await browser.request(target, { method, headers, ...(method !== "GET" && { body: JSON.stringify(body) }) });
    assert.ok(answer.ok, `${method} ${target}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  };
  const ben = await signedIn(latchkey, "ben");
  const newApp = {
    name: "Deep",
    description: "Is there",
    app_type: "web",
    redirect_uris: ["https://deep.example/callback"],
    scopes: ["read:projects"],
  };
  const { client_id } = await json("POST", "/api/developer/apps", { ...newApp, developer_id: "dev_northwind" });
  await json("POST", `/api/developer/apps/${client_id}/secrets`);
  const { secrets } = await json("GET", `/api/developer/apps/${client_id}/credentials`);
  const tester = await json("POST", `/api/developer/apps/${client_id}/testers`, { name: "somebody" });
  // Ben's, which alice may decide.
  const foreign = await json("POST", "/api/developer/apps", newApp, ben);
  const { items } = await json("GET", `/api/developer/apps/${foreign.client_id}/submissions`, {}, ben);
  const { url } = await startReceiver();
  const hooks = {};
  for (const of of ["/api/developer/accounts/dev_northwind", "/api/admin"]) {
    const hook = await json("POST", `${of}/webhooks`, { url, events: ["app.approved"] });
    const { delivery_id, id } = await json("POST", `${of}/webhooks/${hook.id}/test`);
    hooks[of] = { "path.webhook_id": hook.id, "path.delivery_id": delivery_id ?? id };
  }
  const credential = await json("POST", `/api/admin/apis/${apis.projects.id}/credentials`);
  const invitation = await json("POST", "/api/developer/accounts/dev_northwind/invitations", { note: "Somebody" });
  await latchkey.run("INSERT INTO users (id, username, name, created_at) VALUES ('usr_deep', 'deep', 'Deep', 0)");
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role, added_at) VALUES ('dev_northwind', 'usr_deep', 'member', 0)",
  );
  for (const role of ["reviewer", "administrator"])
    await latchkey.run("INSERT INTO user_roles (user_id, role) VALUES ('usr_deep', ?)", role);
  await alice.connect(apps.web);
  const [consent] = await latchkey.rows("SELECT id FROM consents WHERE user_id = 'usr_alice'");
  await latchkey.run(
    `INSERT INTO connections (id, kind, name, issuer, client_id, created_at)
     VALUES ('con_deep', 'oidc', 'Deep', 'https://id.deep.example', 'latchkey', 1)`,
  );
  const organization = await json("POST", "/api/admin/organizations", { name: "Deep" });
  const of = `/api/admin/organizations/${organization.id}`;
  await json("PUT", `${of}/members/usr_deep`, { role: "member" });
  const issuer = await json("POST", `${of}/issuers`, { issuer: "https://id.example.com" });
  await json("PUT", `${of}/apps/${client_id}`, { decision: "allowed", scopes: ["read:projects"] });
  const { status_lists } = await json("GET", "/oauth/status-lists");
  const [shard, period] = status_lists[0].split("/").slice(-2).map(Number);
  return {
    all: {
      "path.shard": shard,
      "path.period": period,
      "path.organization_id": organization.id,
      "path.issuer_id": issuer.id,
      "path.client_id": client_id,
      "path.developer_id": "dev_northwind",
      "path.user_id": "usr_deep",
      "path.secret_id": secrets[1].id,
      "path.tester_id": tester.id,
      "path.submission_id": items[0].id,
      "path.api_id": apis.projects.id,
      "path.credential_id": credential.id,
      "path.invitation_id": invitation.id,
      "path.consent_id": consent.id,
      "path.connection_id": "con_deep",
      "path.scope": "read:projects",
      "path.rate_tier": "approved",
      "path.grantee": "default",
      ...hooks["/api/developer/accounts/dev_northwind"],
    },
    "^/api/admin/webhooks": hooks["/api/admin"],
    // Those that alice may review.
    "^/api/admin/apps": { "path.client_id": foreign.client_id },
  };
}

const table = (parameters) => Object.entries(parameters).map(([name, value]) => `${JSON.stringify(name)} = ${JSON.stringify(value)}\n`).join("");

test("every operation, asked by somebody who may do everything, answers as the document says", async (t) => {
  const said = await schemathesis([...leftOut, ...short], withSession());
  t.diagnostic(said.split("\n").filter((line) => /generated|passed|Operations|tested/i.test(line)).join("; "));
  await stillSignedIn();
});

test("so do the OAuth endpoints, asked by an app and by an API that authenticate themselves", async () => {
  for (const { client_id, secret } of [apps.web, apis.projects.credential])
    await schemathesis(["--include-path-regex", "^/oauth/", ...brief], { Authorization: basic(client_id, secret) });
});

test("so does every operation on what there is: apps, accounts, people, webhooks, APIs and the rest", async () => {
  const { all, ...others } = await things();
  const own = path.join(home, "schemathesis.toml");
  const more = Object.entries(others).map(
    ([paths, parameters]) => `[[operations]]\ninclude-path-regex = ${JSON.stringify(paths)}\n[operations.parameters]\n${table(parameters)}`,
  );
  await writeFile(own, [`[parameters]\n${table(all)}`, await readFile(CONFIG, "utf8"), ...more].join("\n"));
  const seen = path.join(home, "seen.har");
  const deep = ["--include-path-regex", "\\{", ...leftOut];
  await schemathesis([...deep, "--exclude-method", "DELETE", "--report", "har", "--report-har-path", seen, ...brief], withSession(), own);
  await stillSignedIn();
  // These name something else besides, that was not there: a request that waits for its user, a member who takes over.
  const unreachable = ["/api/oauth/consent/{request_id}", "/api/developer/accounts/{developer_id}/owner"];
  const { log } = JSON.parse(await readFile(seen, "utf8"));
  const document = (await (await latchkey.fetch("/openapi.json")).json()).paths;
  const missed = Object.entries(document)
    .flatMap(([template, methods]) => Object.keys(methods).map((method) => ({ template, method: method.toUpperCase() })))
    .filter(({ template, method }) => template.includes("{") && !unreachable.includes(template) && method !== "DELETE")
    .filter(({ template, method }) => {
      const pattern = new RegExp(`^${template.replace(/\{[^}]+\}/g, "[^/]+")}$`);
      const fitting = log.entries.filter(({ request }) => request.method === method && pattern.test(new URL(request.url).pathname));
      return fitting.every(({ response }) => [404, 405].includes(response.status));
    });
  assert.deepEqual(missed, [], "operations that never found what their path names");
  // Last, because then it is gone.
  await schemathesis([...deep, "--include-method", "DELETE", "--phases", "examples,fuzzing", "--mode", "positive"], withSession(), own);
});

test("every operation, asked by a stranger, answers as the document says", async () => {
  await schemathesis(["--phases", "examples"], {});
});
