import assert from "node:assert/strict";
import { test } from "node:test";
import { MARK, partnerApp } from "./support/partner.mjs";
import { logged } from "./support/stand-in.mjs";

// Covers: B27
test("an answer that is no JSON, or an error, does not break the page", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  app.latchkey.handlers["/profile"] = () => new Response("<html>proxy</html>", { status: 404 });
  assert.equal((await browser.visit("/projects")).status, 200);
  await logged(async () => {
    for (const [answer, status] of [
      [() => new Response("<html>", { status: 500 }), 503],
      [
        () => {
          throw new TypeError("down");
        },
        503,
      ],
      [() => new Response("<html>", { status: 403 }), 502],
    ]) {
      app.latchkey.handlers["/projects"] = answer;
      assert.equal((await browser.visit("/projects")).status, status);
    }
  });
});

test("forms from elsewhere change nothing", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  const other = app.browser();
  const foreign = /name="csrf" value="([^"]+)"/.exec((await other.visit("/")).text)[1];
  for (const path of ["/connect", "/refresh", "/disconnect", "/projects"]) {
    for (const csrf of ["", "x", foreign]) {
      assert.equal((await browser.visit(path, { method: "POST", form: { csrf, name: "x" } })).status, 403);
    }
    assert.equal(
      (await browser.visit(path, { method: "POST", headers: { "Content-Type": "text/plain" } })).status,
      403,
    );
    assert.equal((await app.browser().visit(path, { method: "POST", form: { csrf: foreign } })).status, 403);
  }
  assert.equal((await browser.visit("/projects")).status, 200);
  assert.equal((await browser.visit("/connect")).status, 405);
  assert.equal((await browser.visit("/nothing")).status, 404);
});

test("a project is created once, and a name that is not accepted comes back into the form", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.connect();
  assert.equal((await browser.press("/projects", "/projects", { name: "Shed" })).location, "/projects");
  const works = app.latchkey.handlers["/projects"];
  app.latchkey.handlers["/projects"] = (request) =>
    request.method === "POST" ? Response.json({ error: "invalid_request" }, { status: 400 }) : works(request);
  const { status, text } = await browser.press("/projects", "/projects", { name: '"><script>' });
  assert.equal(status, 400);
  assert.match(text, /value="&#34;&#62;&#60;script&#62;"/);
  assert.match(text, /role="alert"/);
});

// Covers: B28
test("no token, code, verifier or secret is in any page, header or log line", async () => {
  const app = await partnerApp({ secret: `lks_${MARK}` });
  const browser = app.browser();
  const works = { ...app.latchkey.handlers };
  const log = await logged(async () => {
    await browser.connect();
    await browser.visit("/projects");
    app.latchkey.handlers["/oauth/token"] = () =>
      Response.json({ error: "server_error", detail: MARK }, { status: 500 });
    await browser.press("/refresh", "/projects");
    app.latchkey.handlers["/oauth/token"] = () => Response.json({ access_token: MARK }, { status: 200 });
    await browser.press("/refresh", "/projects");
    app.latchkey.handlers["/projects"] = () => {
      throw new TypeError(`connection to ${MARK} lost`);
    };
    await browser.visit("/projects");
    Object.assign(app.latchkey.handlers, works);
    app.grants.ended = true;
    await browser.visit("/projects");
    const state = (await browser.start()).get("state");
    app.latchkey.handlers["/oauth/token"] = () =>
      Response.json({ error: "invalid_grant", error_description: MARK }, { status: 400 });
    await browser.comeBack({ code: `lkc_${MARK}`, state });
  });
  assert.ok(log.includes("renewal_failed"));
  const shown = browser.pages.map((page) => page.slice(page.indexOf("\n"))).join("\n");
  assert.ok(!shown.includes(MARK));
  assert.ok(!log.includes(MARK));
  for (const { form } of app.latchkey.asked("/oauth/token")) {
    const verifier = form.get("code_verifier");
    if (verifier) assert.ok(!shown.includes(verifier) && !log.includes(verifier));
  }
});

test("every page is escaped, free of script, never framed and never cached", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  const home = await browser.visit("/");
  await browser.connect();
  const projects = await browser.visit("/projects");
  assert.match(projects.text, /Garden &#38; &#60;b&#62;Boat/);
  for (const { text, response } of [home, projects]) {
    assert.doesNotMatch(text, /<script/);
    assert.doesNotMatch(text, /undefined|\[object|null/);
    const policy = response.headers.get("Content-Security-Policy");
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
    assert.match(policy, /form-action 'self' https:\/\/latchkey\.test/);
    assert.equal(response.headers.get("Cache-Control"), "no-store");
  }
  assert.match(home.response.headers.get("Set-Cookie"), /^__Host-[^;]+;.*Path=\/; Secure; HttpOnly; SameSite=Lax$/);
});

test("a visitor who does not connect leaves nothing behind", async () => {
  const app = await partnerApp();
  const browser = app.browser();
  await browser.visit("/");
  await browser.visit("/nothing");
  assert.equal(app.objects.size, 0);
});
