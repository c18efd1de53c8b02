import assert from "node:assert/strict";
import { test } from "node:test";
import { jwtVerify } from "jose";
import { CALLBACK, env, link, people, publicKey, Visitor } from "./support/platform-login.mjs";

const SESSION = "__Host-acme_session";
const now = () => Math.floor(Date.now() / 1000);

async function assertionIn({ status, location }) {
  assert.equal(status, 303);
  assert.equal(location.origin + location.pathname, CALLBACK);
  assert.deepEqual([...location.searchParams.keys()], ["state", "assertion"]);
  assert.equal(location.searchParams.get("state"), "a.b-c_d");
  const options = { typ: "latchkey-sign-in+jwt", algorithms: ["ES256"], issuer: env.ORIGIN, audience: env.ISSUER };
  const { payload, protectedHeader } = await jwtVerify(location.searchParams.get("assertion"), publicKey, options);
  assert.equal(protectedHeader.kid, "key-1");
  assert.deepEqual(payload.aud, env.ISSUER);
  return payload;
}

const asksForPassword = ({ status, text, location }) =>
  status === 200 && location === null && text.includes('type="password"');

test("whoever gives their password is sent back with who they are, signed", async () => {
  const { iat, exp, auth_time, jti, ...claims } = await assertionIn(await new Visitor().signIn());
  assert.deepEqual(claims, {
    iss: env.ORIGIN,
    aud: env.ISSUER,
    sub: "usr_ada",
    nonce: "a-nonce",
    name: "Ada <script>",
    preferred_username: "ada",
    email: "ada@acme.test",
  });
  assert.ok(exp > iat && exp - iat <= 120 && Math.abs(iat - now()) < 5);
  assert.ok(auth_time <= iat && iat - auth_time < 5);
  const { jti: other } = await assertionIn(await new Visitor().signIn());
  assert.notEqual(jti, other);
});

test("whoever is signed in is sent straight back, with when that was", async () => {
  const visitor = new Visitor();
  const first = await assertionIn(await visitor.signIn());
  const again = await assertionIn(await visitor.visit(link({ max_age: "3600" })));
  assert.equal(again.sub, "usr_ada");
  assert.equal(again.auth_time, first.auth_time);
  assert.notEqual(again.jti, first.jti);
});

test("whoever has to sign in anew, or wants to be another, is asked for a password", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const visitor = new Visitor();
  await visitor.signIn();
  t.mock.timers.tick(10_000);
  for (const parameters of [{ max_age: "9" }, { max_age: "0" }, { prompt: "login" }, { prompt: "select_account" }, { prompt: "login select_account" }])
    assert.ok(asksForPassword(await visitor.visit(link(parameters))), JSON.stringify(parameters));
  assert.ok((await visitor.visit(link({ max_age: "10" }))).location);
  const { auth_time } = await assertionIn(await visitor.signIn(link({ prompt: "login" })));
  assert.equal(auth_time, now());
});

test("the page expects whom the app expects", async () => {
  const value = async (parameters) => / name="username" value="([^"]*)"/.exec((await new Visitor().visit(link(parameters))).text)[1];
  assert.equal(await value({ login_hint: "bob" }), "bob");
  assert.equal(await value({ login_hint: '"><script>' }), "&#34;&#62;&#60;script&#62;");
  assert.equal(await value({ login_hint: "bob", prompt: "select_account" }), "");
});

test("nobody is sent anywhere but to Latchkey's callback", async (t) => {
  const visitor = new Visitor();
  await visitor.signIn();
  const state = "?state=a";
  for (const target of [
    undefined,
    "",
    CALLBACK,
    `${CALLBACK}?state=`,
    `${CALLBACK}/x${state}`,
    `${CALLBACK}2${state}`,
    `${CALLBACK}/..${state}`,
    `${CALLBACK}${state}&assertion=theirs`,
    `${CALLBACK}${state}#x`,
    `${CALLBACK}${state}\n`,
    `${CALLBACK}?x=1&state=a`,
    `${env.ISSUER}/oauth/consent${state}`,
    `${env.ISSUER}@evil.example/login/callback/con_acme${state}`,
    `${env.ISSUER}.evil.example/login/callback/con_acme${state}`,
    `https://evil.example/?x=${CALLBACK}${state}`,
    `//evil.example/login/callback/con_acme${state}`,
    CALLBACK.replace("https", "http") + state,
    CALLBACK.toUpperCase() + state,
    `javascript:alert(1)//${CALLBACK}${state}`,
    `${CALLBACK}?state=${"a".repeat(20_000)}`,
    [`${CALLBACK}${state}`, `${CALLBACK}${state}`],
  ]) {
    await t.test(JSON.stringify(target)?.slice(0, 100) ?? "none", async () => {
      for (const answer of [await visitor.visit(link({ continue: target })), await visitor.signIn(link({ continue: target }))]) {
        assert.ok(answer.status === 400 || answer.status === 403, String(answer.status));
        assert.equal(answer.location, null);
        assert.ok(!answer.text.includes("evil"));
      }
    });
  }
});

test("a question that is not Latchkey's gets no answer", async () => {
  const visitor = new Visitor();
  await visitor.signIn();
  for (const parameters of [
    { nonce: undefined },
    { nonce: "" },
    { nonce: "a b" },
    { nonce: "x".repeat(129) },
    { nonce: ["a", "b"] },
    { max_age: "-1" },
    { max_age: "x" },
    { max_age: "" },
    { max_age: "1e3" },
    { max_age: ["1", "2"] },
    { prompt: ["login", "none"] },
    { login_hint: ["ada", "bob"] },
  ])
    assert.equal((await visitor.visit(link(parameters))).status, 400, JSON.stringify(parameters));
});

test("a wrong name or password signs nobody in, and does not tell which of them was wrong", async () => {
  const texts = new Set();
  for (const fields of [
    { password: "bob's secret" },
    { password: "" },
    { password: "ADA'S SECRET" },
    { username: "nobody" },
    { username: "", password: "" },
    { username: "__proto__" },
    { username: "x".repeat(5000) },
  ]) {
    const visitor = new Visitor();
    const answer = await visitor.signIn(link(), fields);
    // A form that is far too long is not read at all.
    assert.ok(answer.status === 400 || answer.status === 403, JSON.stringify(fields));
    assert.equal(answer.location, null);
    assert.ok(!visitor.cookies.has(SESSION));
    if (answer.status === 400) texts.add(/role="alert">([^<]*)</.exec(answer.text)[1]);
  }
  assert.equal(texts.size, 1);
});

test("another site can neither sign anybody in nor out", async () => {
  const visitor = new Visitor();
  await visitor.signIn();
  const stranger = new Visitor();
  const [, foreign] = /name="csrf" value="([^"]+)"/.exec((await stranger.visit(link())).text);
  for (const csrf of [undefined, "", "x", foreign, "A".repeat(43)]) {
    const fields = csrf === undefined ? {} : { csrf };
    const form = { username: "bob", password: "bob's secret", ...fields };
    for (const path of [link(), "/logout"]) {
      const answer = await visitor.visit(path, { method: "POST", form });
      assert.equal(answer.status, 403);
    }
  }
  assert.equal((await assertionIn(await visitor.visit(link()))).sub, "usr_ada");
});

test("a session cookie that is forged, changed or old is none", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const visitor = new Visitor();
  await visitor.signIn();
  const good = visitor.cookies.get(SESSION);
  const [id, authTime, tag] = good.split(".");
  for (const forged of [
    `usr_bob.${authTime}.${tag}`,
    `${id}.${Number(authTime) + 1}.${tag}`,
    `${id}.${authTime}.${"A".repeat(43)}`,
    `${id}.${authTime}`,
    `${id}.${authTime}.${tag}x`,
    "",
    "x",
  ]) {
    visitor.cookies.set(SESSION, forged);
    assert.ok(asksForPassword(await visitor.visit(link())), forged);
  }
  visitor.cookies.set(SESSION, good);
  assert.ok((await visitor.visit(link())).location);
  t.mock.timers.tick(8 * 3600 * 1000);
  assert.ok(asksForPassword(await visitor.visit(link())));
});

test("somebody who is gone from the platform is signed in no longer", async () => {
  const visitor = new Visitor();
  await visitor.signIn();
  env.PEOPLE = JSON.stringify(people.slice(1));
  try {
    assert.ok(asksForPassword(await visitor.visit(link())));
  } finally {
    env.PEOPLE = JSON.stringify(people);
  }
});

test("Cancel leads back without anybody signed in", async () => {
  const { text } = await new Visitor().visit(link());
  const [, href] = /href="([^"]+)">Cancel/.exec(text);
  assert.equal(href, `${CALLBACK}?state=a.b-c_d&#38;error=access_denied`);
});

test("signing out here ends this page's session", async () => {
  const visitor = new Visitor();
  await visitor.signIn();
  const home = await visitor.visit("/");
  assert.ok(home.text.includes("Ada &#60;script&#62;"));
  const [, csrf] = /name="csrf" value="([^"]+)"/.exec(home.text);
  assert.equal((await visitor.visit("/logout", { method: "POST", form: { csrf } })).status, 303);
  assert.ok(asksForPassword(await visitor.visit(link())));
});

test("every page is out of reach of frames, scripts and caches", async () => {
  const visitor = new Visitor();
  const answers = [
    await visitor.visit("/"),
    await visitor.visit(link()),
    await visitor.visit(link({ nonce: "" })),
    await visitor.visit("/nowhere"),
    await visitor.visit("/login", { method: "PUT" }),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 400, 404, 405]);
  for (const { response, text } of answers) {
    assert.match(response.headers.get("Content-Security-Policy"), /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(response.headers.get("X-Frame-Options"), "DENY");
    assert.equal(response.headers.get("Cache-Control"), "no-store");
    assert.ok(!text.includes("<script"));
  }
  for (const line of (await visitor.signIn()).response.headers.getSetCookie())
    for (const attribute of ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"]) assert.ok(line.includes(attribute));
});
