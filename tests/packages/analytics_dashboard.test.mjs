// The first pattern: a site that draws a dashboard of what its visitors have at the platform.
import assert from "node:assert/strict";
import test from "node:test";
import { Visitor } from "../../examples/analytics-dashboard/src/visitor.js";
import site from "../../examples/analytics-dashboard/src/index.js";
import { objectStorage } from "../examples/support/storage.mjs";
import { logged } from "../examples/support/stand-in.mjs";
import { newApp } from "../workerd/support/platform.mjs";
import { readHtml } from "../workerd/support/html.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const ORIGIN = "https://charts.example";
const platform = await startPlatform();
const app = await newApp(platform.latchkey, {
  redirect_uris: [`${ORIGIN}/callback`],
  may_be_left_out: ["read:analytics"],
});
const objects = new Map();
const env = {
  PLATFORM_NAME: "Acme Projects",
  ISSUER,
  API,
  ORIGIN,
  CLIENT_ID: app.client_id,
  CLIENT_SECRET: app.secret,
  VISITORS: {
    idFromName: (name) => name,
    get(id) {
      if (!objects.has(id)) objects.set(id, new Visitor({ id, storage: objectStorage() }, env, platform.fetch));
      return objects.get(id);
    },
  },
};

// A browser at this site: one cookie.
function newVisitor() {
  let cookie;
  return async (method, address, { origin = ORIGIN } = {}) => {
    const headers = { ...(cookie && { cookie }), ...(method === "POST" && { origin }) };
    const response = await site.fetch(new Request(new URL(address, ORIGIN), { method, headers }), env);
    cookie = response.headers.get("set-cookie")?.split(";", 1)[0] ?? cookie;
    const text = await response.text();
    return { response, status: response.status, location: response.headers.get("location"), text };
  };
}

async function connect(visit, person, path = "/connect", options) {
  const { location } = await visit("POST", path);
  const page = await person.browser.authorize(location);
  const back = page.leaves ?? (await person.browser.submit(page.forms[0], { button: "allow", ...options })).leaves;
  return visit("GET", back);
}

// Covers: R2, R79
test("a visitor connects, sees their own dashboard, and disconnects", async () => {
  const person = await platform.newPerson("Garden", "<b>Boat</b>");
  const visit = newVisitor();
  assert.match((await visit("GET", "/")).text, /Connect to Acme Projects/);
  const back = await connect(visit, person);
  assert.deepEqual([back.status, back.location], [303, "/"], "the code is out of the address");
  const page = await visit("GET", "/");
  assert.match(page.text, new RegExp(`${person.username} Example’s dashboard`));
  assert.match(page.text, /<dt>Projects<\/dt><dd>2<\/dd>/);
  assert.match(page.text, /Garden[\s\S]*no tasks|no tasks[\s\S]*Garden/);
  assert.match(page.text, /&#60;b&#62;Boat/);
  assert.equal(readHtml(page.text, new URL(ORIGIN)).forms.length, 1);
  assert.equal((await visit("POST", "/disconnect")).location, "/");
  assert.match((await visit("GET", "/")).text, /Connect to Acme Projects/);
});

// Covers: R79
test("a permission that the visitor left out is asked for when it is missing, beside what was agreed to", async () => {
  const person = await platform.newPerson("Garden");
  const visit = newVisitor();
  await connect(visit, person, "/connect", { tick: ["read:profile", "read:projects"] });
  assert.match((await visit("GET", "/")).text, /One permission more/);
  assert.equal(
    (await connect(visit, person, "/more", { tick: ["read:profile", "read:projects", "read:analytics"] })).location,
    "/",
  );
  assert.match((await visit("GET", "/")).text, /Example’s dashboard/);
});

// Covers: R79
test("no, a forged callback, and access that was taken back are each told in plain words", async () => {
  const person = await platform.newPerson();
  const visit = newVisitor();
  const { location } = await visit("POST", "/connect");
  const denied = await visit("GET", await decide(person, location, "deny"));
  assert.match(denied.text, /Nothing was connected/);

  // Somebody else's callback, which would connect the visitor to their account.
  const mallory = newVisitor();
  const theirs = await decide(person, (await mallory("POST", "/connect")).location);
  const forged = await visit("GET", theirs);
  assert.equal(forged.status, 400);
  assert.match(forged.text, /no longer good/);
  assert.equal((await newVisitor()("GET", theirs)).status, 404, "who has begun nothing has no callback");

  await connect(visit, person);
  await person.browser.disconnect();
  assert.match((await visit("GET", "/")).text, /The access has ended/);
});

test("another site cannot connect or disconnect a visitor", async () => {
  const person = await platform.newPerson();
  const visit = newVisitor();
  await connect(visit, person);
  for (const origin of ["https://evil.example", "null", ""])
    for (const path of ["/connect", "/more", "/disconnect"])
      assert.equal((await visit("POST", path, { origin })).status, 403);
  assert.match((await visit("GET", "/")).text, /Example’s dashboard/);
});

test("a platform that is down costs the visitor nothing but the moment, and the log shows no secret", async () => {
  const person = await platform.newPerson();
  const visit = newVisitor();
  await connect(visit, person);
  platform.between = () => new Response("down", { status: 500 });
  let page;
  const lines = await logged(async () => (page = await visit("GET", "/")));
  platform.between = (_path, answer) => answer();
  assert.equal(page.status, 503);
  assert.match(lines, /^\{"event":"failed","code":"\w+"\}$/);
  assert.match((await visit("GET", "/")).text, /Example’s dashboard/);
});
