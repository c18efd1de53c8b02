// nginx in front of a small API, set up as docs/api-guard.md says, asking the verify endpoint.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { promisify } from "node:util";
import { signedIn } from "./support/browser.mjs";
import { freePorts } from "./support/free_ports.mjs";
import { ISSUER } from "./support/harness.mjs";
import { basic, claimsOf, oauthClient } from "./support/oauth.mjs";
import { startOwnLatchkey } from "./support/own_latchkey.mjs";
import { apis, apps, newUser } from "./support/platform.mjs";
import { assembleWorker, configPath } from "./support/worker_directory.mjs";

const root = path.dirname(configPath);
const { stdout: found } = await promisify(execFile)(path.join(root, "tools/install-nginx"));

const api = http.createServer((request, answer) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url, headers } = request;
    answer.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
  });
});
api.listen(0, "127.0.0.1");
await once(api, "listening");

const home = await mkdtemp(path.join(tmpdir(), "latchkey-nginx-"));
const assembled = await assembleWorker();
const latchkey = await startOwnLatchkey(assembled, path.join(home, "state"), { quiet: true });
const [port] = await freePorts(1);
const nginx = await startNginx();
after(async () => {
  nginx.kill("SIGTERM");
  await once(nginx, "exit");
  await latchkey.worker.stop();
  api.closeAllConnections();
  api.close();
  await assembled.remove();
  await rm(home, { recursive: true, force: true });
});

async function startNginx() {
  const documented = await readFile(path.join(root, "docs/api-guard.md"), "utf8");
  const { client_id, secret } = apis.projects.credential;
  const server = documented
    .split("```nginx\n")[1]
    .split("```")[0]
    .replace("127.0.0.1:8080", `127.0.0.1:${port}`)
    .replaceAll("http://127.0.0.1:3000", `http://127.0.0.1:${api.address().port}`)
    .replace("https://auth.example.com", `http://127.0.0.1:${latchkey.worker.port}`)
    .replace("Host auth.example.com", `Host ${new URL(ISSUER).host}`)
    .replace(/"Basic [^"]*"/, `"${basic(client_id, secret)}"`);
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${home}/${name};`,
  );
  await mkdir(path.join(home, "logs"), { recursive: true });
  await writeFile(
    path.join(home, "nginx.conf"),
    `daemon off; master_process off; pid ${home}/nginx.pid; error_log ${home}/logs/error.log;
     events {} http { access_log off; ${folders.join(" ")} ${server} }`,
  );
  const options = ["-p", home, "-c", path.join(home, "nginx.conf"), "-e", path.join(home, "logs/error.log")];
  const child = spawn(found.trim(), options, { stdio: ["ignore", "inherit", "inherit"] });
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error("nginx did not start: see above");
    if (await ask("/v1/status").catch(() => undefined)) return child;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error("nginx does not answer");
}

async function ask(target, { method = "GET", headers = {}, body } = {}) {
  // Node does not say where the body of OPTIONS ends, and its rest would be taken for the next request.
  const framed = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const all = { host: "api.example", ...framed, ...headers };
  const asked = http.request({ host: "127.0.0.1", port, method, path: target, headers: all });
  asked.end(body);
  const [answer] = await once(asked, "response");
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { status: answer.statusCode, headers: answer.headers, text };
}

await latchkey.run(
  "UPDATE apis SET route_rules = ?1 WHERE id = 'api_projects'",
  JSON.stringify([
    { methods: ["GET"], path: "/v1/projects", scopes: ["read:projects"] },
    { methods: ["POST"], path: "/v1/projects", scopes: ["write:projects"] },
    { path: "/v1/status", public: true },
  ]),
);
// What the isolate knows of rules is 8 s old at most.
await new Promise((done) => setTimeout(done, 8100));
const { connect, revoke } = oauthClient(latchkey);
const browser = await signedIn(latchkey, await newUser(latchkey));
const reader = await connect(browser, apps.web, { scope: "read:projects" });
const writer = await connect(browser, apps.spa, { scope: "read:projects write:projects" });
const bearer = ({ access_token }) => ({ authorization: `Bearer ${access_token}` });

// Covers: R64, R65
test("a good call reaches the API with who calls, and without its token", async () => {
  const { status, text } = await ask("/v1/projects?limit=5", { headers: bearer(reader) });
  assert.equal(status, 200);
  const got = JSON.parse(text);
  assert.deepEqual([got.method, got.url], ["GET", "/v1/projects?limit=5"]);
  assert.equal(got.headers["latchkey-user-id"], claimsOf(reader.access_token).sub);
  assert.equal(got.headers["latchkey-scopes"], "read:projects");
  assert.equal(claimsOf(got.headers["latchkey-identity"]).client_id, apps.web.client_id);
  assert.equal(got.headers.authorization, undefined);
  const posted = await ask("/v1/projects", { method: "POST", headers: bearer(writer), body: "a body" });
  assert.deepEqual([posted.status, JSON.parse(posted.text).body], [200, "a body"]);
});

// Covers: R67, B32
test("what is refused never reaches the API, and its caller is told why", async () => {
  const none = await ask("/v1/projects");
  assert.equal(none.status, 401);
  assert.match(none.headers["www-authenticate"], /^Bearer resource_metadata=/);
  const scope = await ask("/v1/projects", { method: "POST", headers: bearer(reader) });
  assert.equal(scope.status, 403);
  assert.match(scope.headers["www-authenticate"], /error="insufficient_scope"/);
  for (const [status, target, method] of [
    [404, "/v1/admin", "GET"],
    [405, "/v1/projects", "DELETE"],
    [400, "/v1/status/../admin", "GET"],
    [400, "/v1/status/%2e%2e/admin", "GET"],
    [400, "/v1//projects", "GET"],
    [400, "/v1/status;x/../admin", "GET"],
  ]) {
    const answer = await ask(target, { method, headers: bearer(reader) });
    assert.equal(answer.status, status, `${method} ${target}`);
    assert.ok(!answer.text.startsWith("{"), "the API was reached");
  }
});

// Covers: B35
test("a client cannot say through nginx which call it makes, or who it is", async () => {
  const headers = {
    "x-original-uri": "/v1/status",
    "x-original-method": "GET",
    "x-forwarded-uri": "/v1/status",
    "x-forwarded-method": "GET",
    "latchkey-authorization": "Basic eDp5",
    "latchkey-user-id": "usr_victim",
    "latchkey-identity": "forged",
    "latchkey-consent-id": "cns_x",
  };
  assert.equal((await ask("/v1/projects", { headers })).status, 401);
  const open = await ask("/v1/status", { headers });
  assert.equal(open.status, 200);
  const got = JSON.parse(open.text).headers;
  assert.deepEqual(Object.keys(got).filter((name) => /^latchkey-(user|identity|consent)/.test(name)), []);
  assert.equal((await ask("/latchkey-verify", { headers: bearer(reader) })).status, 404);
});

test("a browser's question before a call reaches the API with what asks and nothing else", async () => {
  const question = { origin: "https://a.example", "access-control-request-method": "POST" };
  const preflight = (target, headers = {}) =>
    ask(target, { method: "OPTIONS", headers: { ...question, "x-data": "a", ...headers }, body: "a body" });
  const { status, text } = await preflight("/v1/projects", bearer(reader));
  assert.equal(status, 200);
  const got = JSON.parse(text);
  assert.deepEqual([got.method, got.url, got.body], ["OPTIONS", "/v1/projects", ""]);
  assert.deepEqual([got.headers.origin, got.headers["access-control-request-method"]], Object.values(question));
  for (const name of ["x-data", "authorization", "content-length", "transfer-encoding"])
    assert.equal(got.headers[name], undefined, name);
  for (const [status, target, headers] of [
    [404, "/v1/admin", {}],
    [405, "/v1/projects", { "access-control-request-method": "DELETE" }],
    [405, "/v1/projects", { origin: "" }],
    [400, "/v1/status/../admin", {}],
  ]) {
    const answer = await preflight(target, headers);
    assert.equal(answer.status, status, target);
    assert.ok(!answer.text.startsWith("{"), "the API was reached");
  }
});

// Covers: B33
test("what was taken back is refused within five seconds", async () => {
  assert.equal((await ask("/v1/projects", { headers: bearer(writer) })).status, 200);
  await revoke(apps.spa, writer.refresh_token);
  await new Promise((done) => setTimeout(done, 5100));
  const answer = await ask("/v1/projects", { headers: bearer(writer) });
  assert.equal(answer.status, 401);
  assert.match(answer.headers["www-authenticate"], /access was taken back/);
});
