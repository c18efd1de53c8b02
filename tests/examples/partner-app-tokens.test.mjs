import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "../../examples/partner-app/src/platform.js";
import { MARK, partnerApp } from "./support/partner.mjs";
import { logged } from "./support/stand-in.mjs";

// Covers: B26
test("the rotated refresh token is on disk before the new access token is used", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const [{ storage }] = app.objects.values();
  const seen = [];
  const profile = app.latchkey.handlers["/profile"];
  app.latchkey.handlers["/profile"] = (request) => {
    seen.push([
      request.headers.get("Authorization").slice(7),
      storage.entries.get("tokens").refresh_token,
      storage.writes.at(-1),
    ]);
    return profile(request);
  };
  app.clock.now += 599_000;
  await browser.visit("/projects");
  assert.deepEqual(seen, [[`access-${MARK}-2`, `refresh-${MARK}-2`, "sync"]]);
});

// Covers: B26
test("twenty requests that meet an expired token make one refresh", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  app.clock.now += 3_600_000;
  const pages = await Promise.all(Array.from({ length: 20 }, () => browser.visit("/projects")));
  assert.ok(pages.every(({ status }) => status === 200));
  assert.equal(app.latchkey.asked("/oauth/token").length, 2, "the code, and one refresh");
});

// Covers: B26, B27
test("twenty requests that get a 401 make one refresh, and each is sent once more", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  app.grants.generation += 1; // the platform no longer takes the access token that the app holds
  const pages = await Promise.all(Array.from({ length: 20 }, () => browser.visit("/projects")));
  assert.ok(pages.every(({ status }) => status === 200));
  assert.equal(app.latchkey.asked("/oauth/token").length, 2);
});

// Covers: B26
test("a 401 that arrives after somebody else has renewed uses the new token instead of renewing again", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const [{ connection }] = app.objects.values();
  const refused = Promise.withResolvers();
  const profile = app.latchkey.handlers["/profile"];
  app.latchkey.handlers["/profile"] = async () => {
    app.latchkey.handlers["/profile"] = profile;
    await refused.promise;
    return Response.json({ error: "invalid_token" }, { status: 401 });
  };
  const late = connection.call({ method: "GET", path: "/profile" });
  await connection.status(); // lets the call get on its way
  await connection.refresh();
  refused.resolve();
  assert.equal((await late).status, 200);
  assert.equal(app.latchkey.asked("/oauth/token").length, 2);
});

const LOST = {
  "the network breaks after the platform rotated": () => {
    throw new TypeError("network connection lost");
  },
  "the answer is cut off": () => new Response('{"access_tok', { headers: { "Content-Type": "application/json" } }),
  "a proxy answers": () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
  "the platform is not available": () => Response.json({ error: "temporarily_unavailable" }, { status: 503 }),
};

for (const [name, lose] of Object.entries(LOST)) {
  // Covers: B26
  test(`a lost reply is asked for again with the same refresh token: ${name}`, async () => {
    const app = await partnerApp();
    const browser = app.browser();
    await browser.connect();
    const rotate = app.latchkey.handlers["/oauth/token"];
    let losses = 1;
    app.latchkey.handlers["/oauth/token"] = (request) => {
      const answer = rotate(request);
      losses -= 1;
      return losses >= 0 ? lose() : answer;
    };
    const { location } = await browser.press("/refresh", "/projects");
    assert.equal(location, "/projects");
    const sent = app.latchkey
      .asked("/oauth/token")
      .slice(1)
      .map(({ form }) => form.get("refresh_token"));
    assert.deepEqual(sent, [`refresh-${MARK}-1`, `refresh-${MARK}-1`]);
    const [{ storage }] = app.objects.values();
    assert.equal(storage.entries.get("tokens").refresh_token, `refresh-${MARK}-2`);
  });
}

// Covers: B26
test("when every reply is lost the old refresh token stays, and works the next time", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const works = app.latchkey.handlers["/oauth/token"];
  app.latchkey.handlers["/oauth/token"] = () => {
    throw new TypeError("network connection lost");
  };
  app.clock.now += 3_600_000;
  await logged(async () => {
    const { status, text, response } = await browser.visit("/projects");
    assert.equal(status, 503);
    assert.ok(response.headers.get("Retry-After"));
    assert.match(text, /Nothing is lost/);
  });
  app.latchkey.handlers["/oauth/token"] = works;
  assert.equal((await browser.visit("/projects")).status, 200);
});

test("when the user takes the access back the app says so, forgets its tokens and offers to connect again", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  app.grants.ended = true;
  await logged(async () => {
    for (let visit = 0; visit < 2; visit += 1) {
      const { text } = await browser.visit("/projects");
      assert.match(text, /The access was taken back/);
      assert.match(text, /Connect to Acme Projects again/);
    }
  });
  const [{ storage }] = app.objects.values();
  assert.deepEqual([...storage.entries.keys()], ["ended"]);
  await browser.connect();
  assert.equal((await browser.visit("/projects")).status, 200);
});

test("a call that is refused after another has found the access taken back says so too", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  app.grants.ended = true;
  const [{ storage }] = app.objects.values();
  const refuses = app.latchkey.handlers["/projects"];
  app.latchkey.handlers["/projects"] = async (request) => {
    while (storage.entries.has("tokens")) await new Promise((done) => setImmediate(done));
    await new Promise((done) => setTimeout(done, 20));
    return refuses(request);
  };
  await logged(async () => assert.match((await browser.visit("/projects")).text, /The access was taken back/));
});

test("disconnecting revokes the refresh token, and keeps it while the platform cannot be reached", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const works = app.latchkey.handlers["/oauth/revoke"];
  app.latchkey.handlers["/oauth/revoke"] = () => new Response("", { status: 503 });
  assert.equal((await browser.press("/disconnect", "/projects")).status, 503);
  assert.equal((await browser.visit("/projects")).status, 200, "still connected");
  app.latchkey.handlers["/oauth/revoke"] = works;
  assert.equal((await browser.press("/disconnect", "/projects")).location, "/");
  const { form } = app.latchkey.asked("/oauth/revoke").at(-1);
  assert.equal(form.get("token"), `refresh-${MARK}-1`);
  const [{ storage }] = app.objects.values();
  assert.equal(storage.entries.size, 0);
});

test("disconnecting while a refresh is under way revokes the newest token, and nothing comes back", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const [{ storage, connection }] = app.objects.values();
  const rotate = app.latchkey.handlers["/oauth/token"];
  let disconnecting;
  app.latchkey.handlers["/oauth/token"] = (request) => {
    disconnecting = connection.disconnect();
    return rotate(request);
  };
  await connection.refresh();
  await disconnecting;
  assert.equal(app.latchkey.asked("/oauth/revoke")[0].form.get("token"), `refresh-${MARK}-2`);
  assert.equal(storage.entries.size, 0);
});

test("only an answer of the platform is final; everything else is worth another try", () => {
  assert.deepEqual(reasonOf(new TypeError("x")), { code: "TypeError", final: false });
  assert.deepEqual(reasonOf(undefined), { code: "unknown", final: false });
});
