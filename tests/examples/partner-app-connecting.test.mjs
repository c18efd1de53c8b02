import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { MARK, partnerApp } from "./support/partner.mjs";
import { logged } from "./support/stand-in.mjs";

// Covers: B22
test("the challenge in the authorization URL is the hash of the verifier that is sent later", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const asked = await browser.start();
  assert.match(asked.get("code_challenge"), /^[A-Za-z0-9_-]{43}$/);
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.equal(asked.get("response_type"), "code");
  assert.equal(asked.get("resource"), app.env.API);
  assert.equal(asked.get("redirect_uri"), `${app.env.ORIGIN}/callback`);
  await browser.comeBack({ code: "lkc_1", state: asked.get("state") });
  const [{ form }] = app.latchkey.asked("/oauth/token");
  const hash = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
  assert.equal(asked.get("code_challenge"), hash);
  assert.equal(form.get("redirect_uri"), asked.get("redirect_uri"));
});

// Covers: B24
test("a public app sends no secret at all, a confidential one sends its own in the header", async () => {
  for (const secret of [null, "lks_partner"]) {
    const app = await partnerApp({ secret });
    const browser = app.browser();
    await browser.connect();
    await browser.press("/refresh", "/projects");
    await browser.press("/disconnect", "/projects");
    const requests = ["/oauth/token", "/oauth/revoke"].flatMap(app.latchkey.asked);
    assert.equal(requests.length, 3);
    for (const { form, headers } of requests) {
      assert.ok(!form.has("client_secret"));
      assert.doesNotMatch(form.toString(), /null|undefined/);
      assert.equal(headers.has("Authorization"), secret !== null);
      if (!secret) assert.equal(form.get("client_id"), "app_planner");
    }
    if (secret) {
      const credentials = atob(requests[0].headers.get("Authorization").slice(6));
      assert.deepEqual(credentials.split(":").map(decodeURIComponent), ["app_planner", "lks_partner"]);
    }
  }
});

// Covers: B23
test("an answer with another state, none, two, or from another browser is refused, and the code is not redeemed", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const state = (await browser.start()).get("state");
  const stranger = app.browser();
  await stranger.visit("/");
  const answers = [
    await browser.comeBack({ code: "lkc_1", state: "invented" }),
    await browser.comeBack({ code: "lkc_1" }),
    await browser.comeBack({ code: "lkc_1", state: "" }),
    await browser.visit(`/callback?code=lkc_1&state=${state}&state=${state}`),
    await stranger.comeBack({ code: "lkc_1", state }),
    await app.browser().comeBack({ code: "lkc_1", state }),
  ];
  for (const { location } of answers) assert.equal(location, "/connect/unknown");
  assert.equal(app.latchkey.asked("/oauth/token").length, 0);
  const page = await browser.visit("/connect/unknown");
  assert.equal(page.status, 400);
  assert.match(page.text, /Nothing was connected/);
});

// Covers: B23
test("a state counts once, however often its answer comes, and not after ten minutes", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const state = (await browser.start()).get("state");
  const twice = await Promise.all([
    browser.comeBack({ code: "lkc_1", state }),
    browser.comeBack({ code: "lkc_1", state }),
  ]);
  const afterwards = await browser.comeBack({ code: "lkc_1", state });
  assert.deepEqual([...twice, afterwards].map(({ location }) => location), Array(3).fill("/projects"));
  assert.equal(app.latchkey.asked("/oauth/token").length, 1);

  await browser.press("/disconnect", "/projects");
  const late = (await browser.start()).get("state");
  app.clock.now += 10 * 60_000 + 1;
  assert.equal((await browser.comeBack({ code: "lkc_2", state: late })).location, "/connect/unknown");
});

// Covers: B23
test("an answer that names another issuer, or none, is refused before the code is sent anywhere", async () => {
  const app = await partnerApp();
  for (const iss of ["https://evil.test", undefined]) {
    const browser = app.browser();
    const state = (await browser.start()).get("state");
    await logged(async () => {
      const query = new URLSearchParams({ code: "lkc_1", state, ...(iss && { iss }) });
      assert.match((await browser.visit(`/callback?${query}`)).location, /^\/connect\/failed/);
    });
  }
  assert.equal(app.latchkey.asked("/oauth/token").length, 0);
});

// Covers: B25
test("two flows in one browser keep their own verifiers, in whichever order they come back", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const first = await browser.start();
  const second = await browser.start();
  assert.notEqual(first.get("state"), second.get("state"));
  assert.notEqual(first.get("code_challenge"), second.get("code_challenge"));
  for (const asked of [second, first]) {
    assert.equal((await browser.comeBack({ code: "lkc_1", state: asked.get("state") })).location, "/projects");
    const { form } = app.latchkey.asked("/oauth/token").at(-1);
    const hash = createHash("sha256").update(form.get("code_verifier")).digest("base64url");
    assert.equal(hash, asked.get("code_challenge"));
  }
  const [{ form }] = app.latchkey.asked("/oauth/revoke");
  assert.equal(form.get("token"), `refresh-${MARK}-1`, "the connection that was replaced is given back");
});

test("a browser that starts over and over keeps ten flows, and what is too old goes", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const states = [];
  for (let i = 0; i < 14; i += 1) {
    app.clock.now += 1;
    states.push((await browser.start()).get("state"));
  }
  const [{ storage, connection }] = app.objects.values();
  assert.deepEqual(
    [...storage.entries.keys()].sort(),
    states
      .slice(4)
      .map((state) => `flow:${state}`)
      .sort(),
  );
  app.clock.now += 20 * 60_000;
  await connection.alarm();
  assert.equal(storage.entries.size, 0);
});

// Covers: B28
test("after Deny the page says what happened, nothing is stored, and the address holds no answer", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const state = (await browser.start()).get("state");
  const { location } = await browser.comeBack({ error: "access_denied", error_description: "No", state });
  assert.equal(location, "/connect/refused");
  const { text } = await browser.visit(location);
  assert.match(text, /You said no at Acme Projects/);
  assert.match(text, /Try again/);
  assert.equal(app.latchkey.asked("/oauth/token").length, 0);
  assert.equal((await browser.visit("/projects")).location, "/");
});

// Covers: B28
test("the callback never shows a page, so neither code nor state stays in the address", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const state = (await browser.start()).get("state");
  app.latchkey.handlers["/oauth/token"] = () => Response.json({ error: "invalid_grant" }, { status: 400 });
  const answers = [];
  await logged(async () => {
    answers.push(
      await browser.comeBack({ code: "lkc_1", state: "wrong" }),
      await browser.comeBack({ error: "<b>", state: (await browser.start()).get("state") }),
      await browser.comeBack({ code: "lkc_1", state }),
    );
  });
  for (const { status, location, text } of answers) {
    assert.equal(status, 303);
    assert.doesNotMatch(location, /code=|state=/);
    assert.equal(text, "");
  }
  assert.equal(answers[2].location, "/connect/failed?reason=invalid_grant");
  assert.match((await browser.visit(answers[2].location)).text, /Reason: <code>invalid_grant<\/code>/);
  assert.doesNotMatch((await browser.visit("/connect/failed?reason=Call+0800+now")).text, /0800/);
});
