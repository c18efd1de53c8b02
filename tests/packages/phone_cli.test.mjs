// The second pattern: an app on a device, which has no secret and is answered through the system's browser.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { main } from "../../examples/phone-cli/phone.js";
import { newApp } from "../workerd/support/platform.mjs";
import { API, decide, ISSUER, startPlatform } from "./support/platform.mjs";

const LINKS = ["https://phone.example/connected", "com.example.phone:/callback"];
const platform = await startPlatform();
const app = await newApp(platform.latchkey, {
  app_type: "mobile",
  redirect_uris: ["http://127.0.0.1/callback", ...LINKS],
});

// A phone of somebody's. `open` is what they do when their browser opens.
async function newPhone(t, { open = () => {}, link } = {}) {
  const PHONE_HOME = await mkdtemp(path.join(tmpdir(), "phone-"));
  t.after(() => rm(PHONE_HOME, { recursive: true }));
  const env = { PHONE_HOME, ISSUER, API, CLIENT_ID: app.client_id, REDIRECT_URI: link };
  const printed = [];
  const run = async (...args) => {
    printed.length = 0;
    const code = await main(args, {
      env,
      print: (text) => printed.push(text),
      open: async (url) => open(url),
      send: platform.fetch,
    });
    return { code, text: printed.join("\n") };
  };
  return { run, home: PHONE_HOME, env };
}

// The browser comes back to the loopback address by itself.
const allowing = (person) => async (url) => fetch(await decide(person, url));

// Covers: R2, R79, B43
test("a phone connects by the system's browser and a loopback port, syncs, adds, and disconnects", async (t) => {
  const person = await platform.newPerson("Garden", "Boat\u001b[2J");
  let opened;
  const phone = await newPhone(t, { open: (url) => ((opened = new URL(url)), void allowing(person)(url)) });
  const connected = await phone.run("connect");
  assert.equal(connected.code, 0, connected.text);
  assert.match(opened.searchParams.get("redirect_uri"), /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  assert.match(opened.searchParams.get("state"), /^[\w-]{43}$/);
  const synced = await phone.run("sync");
  assert.match(synced.text, /Garden[\s\S]*2 projects\.|2 projects\./);
  assert.ok(!synced.text.includes("\u001b"), "a name does not steer the terminal");
  const names = async () =>
    JSON.parse(await readFile(path.join(phone.home, "projects.json"), "utf8")).map(({ name }) => name);
  assert.deepEqual((await names()).toSorted(), ["Boat\u001b[2J", "Garden"]);
  assert.match((await phone.run("add", "Attic")).text, /Added Attic/);
  await phone.run("sync");
  assert.equal((await names()).length, 3);
  assert.equal((await stat(path.join(phone.home, "secrets.json"))).mode & 0o777, 0o600);
  assert.match((await phone.run("disconnect")).text, /Disconnected/);
  const late = await phone.run("sync");
  assert.deepEqual([late.code, /phone connect/.test(late.text)], [1, true]);
});

// Covers: R79, B43
test("a phone that was ended meanwhile goes on with the link that the system hands over", async (t) => {
  for (const link of LINKS) {
    const person = await platform.newPerson("Garden");
    let back;
    const phone = await newPhone(t, { link, open: async (url) => (back = await decide(person, url)) });
    await phone.run("connect", "--link");
    assert.ok(back.href.startsWith(link));
    // Each command is a process of its own.
    assert.deepEqual(await phone.run("open-link", back.href), { code: 0, text: "Connected." });
    assert.match((await phone.run("sync")).text, /1 project\./);
    assert.equal((await phone.run("open-link", back.href)).code, 1, "a link counts once");
    const stolen = await newPhone(t, { link });
    assert.equal((await stolen.run("open-link", back.href)).code, 1, "and on this phone only");
  }
});

// Covers: B43
test("a phone refuses a link of a scheme that every app can claim", async (t) => {
  for (const link of ["myapp://oauth-callback", "http://phone.example/callback"]) {
    const phone = await newPhone(t, { link, open: () => assert.fail("it opened a browser") });
    assert.equal((await phone.run("connect", "--link")).code, 1);
  }
});

test("what others send to the loopback port is thrown away, and the real answer still counts", async (t) => {
  const person = await platform.newPerson();
  const answers = [];
  const phone = await newPhone(t, {
    open: async (url) => {
      const callback = new URL(new URL(url).searchParams.get("redirect_uri"));
      for (const query of ["?code=forged&state=forged", "?error=access_denied", "", `?code=x&state=y&iss=${ISSUER}`])
        answers.push((await fetch(callback.href + query)).status);
      answers.push(
        (await fetch(new URL("/elsewhere", callback))).status,
        (await fetch(callback, { method: "POST" })).status,
      );
      void allowing(person)(url);
    },
  });
  assert.equal((await phone.run("connect")).code, 0);
  assert.deepEqual(answers, [400, 400, 400, 400, 404, 404]);
  assert.match((await phone.run("sync")).text, /0 projects/);
});

test("a phone whose user says no is told so, and keeps nothing", async (t) => {
  const person = await platform.newPerson();
  const phone = await newPhone(t, { open: async (url) => void fetch(await decide(person, url, "deny")) });
  const { code, text } = await phone.run("connect");
  assert.deepEqual([code, /access_denied/.test(text)], [1, true]);
  assert.doesNotMatch(await readFile(path.join(phone.home, "secrets.json"), "utf8"), /accessToken|verifier/);
});

test("started as a program it explains itself, and ends with a sentence when nothing is there", async (t) => {
  const { env } = await newPhone(t);
  const program = path.resolve(import.meta.dirname, "../../examples/phone-cli/phone.js");
  const run = (...args) =>
    promisify(execFile)(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  assert.match((await run()).stdout, /phone connect --link/);
  await assert.rejects(
    run("sync"),
    (error) => error.code === 1 && /has to sign in. Try: phone connect/.test(error.stdout),
  );
  await assert.rejects(run("dance"), { code: 2 });
});
