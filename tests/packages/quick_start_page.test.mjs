// The quick start of an app as the portal shows it: copied from the page, and run.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { newDeveloper } from "../workerd/support/developer.mjs";
import { addTester, CALLBACK } from "../workerd/support/platform.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const home = path.resolve(import.meta.dirname, "../../.local/package-documents");
const platform = await startPlatform();
const { latchkey } = platform;
const developer = await newDeveloper(latchkey);

async function register(app_type, changes = {}) {
  const made = await developer.call("POST", "/apps", {
    name: `Planner ${app_type}`,
    description: "Plans",
    app_type,
    scopes: ["read:profile", "read:projects"],
    submit: false,
    ...(app_type !== "server" && { redirect_uris: [CALLBACK] }),
    ...changes,
  });
  assert.equal(made.status, 201, await made.clone().text());
  return made.json();
}

const unescaped = (text) =>
  text.replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code))).replaceAll(/&(lt|gt|quot|amp);/g, (_, name) => ({ lt: "<", gt: ">", quot: '"', amp: "&" })[name]);

async function codeOn({ client_id }) {
  const page = await (await developer.browser.request(`/developers/apps/${client_id}/quick-start`)).text();
  return unescaped(/<code class="copy" id="quick-start">([\s\S]*?)<\/code>/.exec(page)?.[1] ?? assert.fail(page));
}

async function load(t, name, code) {
  await mkdir(home, { recursive: true });
  const file = path.join(home, `page-${name}-${process.pid}.mjs`);
  await writeFile(file, code);
  t.after(() => rm(file));
  const { fetch } = globalThis;
  globalThis.fetch = platform.fetch;
  t.after(() => (globalThis.fetch = fetch));
  return { file, run: () => import(pathToFileURL(file)) };
}

// Covers: R28
test("the code on the page of an app connects somebody and calls the API, as it stands there", async (t) => {
  const app = await register("web");
  const person = await platform.newPerson("Garden");
  await addTester(latchkey, app, person.username);
  process.env.CLIENT_SECRET = app.client_secret;
  t.after(() => delete process.env.CLIENT_SECRET);
  const code = await codeOn(app);
  for (const value of [ISSUER, app.client_id, CALLBACK, API]) assert.ok(code.includes(JSON.stringify(value)), value);
  const { connect, callback, call } = await (await load(t, "web", code)).run();
  await callback("one", await decide(person, await connect("one")));
  assert.equal((await call("one", "/projects")).projects[0].name, "Garden");
});

// Covers: R28
test("the code on the page of an app of any type is JavaScript", async (t) => {
  const machine = await register("server");
  await latchkey.run(
    "INSERT INTO client_grants (client_id, api_id, subject_type, access, scopes) VALUES (?, 'api_projects', 'client', 'chosen', ?)",
    machine.client_id,
    JSON.stringify(["read:projects"]),
  );
  const apps = [machine, await register("spa"), await register("mobile")];
  for (const [place, app] of apps.entries()) {
    const code = await codeOn(app);
    assert.ok(code.includes(JSON.stringify(app.client_id)));
    const { file } = await load(t, `syntax-${place}`, code);
    await promisify(execFile)(process.execPath, ["--check", file]);
  }
  assert.match(await codeOn(machine), /scopes: \["read:projects"\]/, "and names only what the platform grants it");
});
