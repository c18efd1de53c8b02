// Invariant 9: bad input, of any size and in any field, is never a server error.
import assert from "node:assert/strict";
import test from "node:test";
import { signedIn } from "./support/browser.mjs";
import { expectPageHeaders } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, basic } from "./support/oauth.mjs";
import { apps } from "./support/platform.mjs";

const latchkey = await startLatchkey();

const documents = [
  "/.well-known/oauth-authorization-server",
  "/.well-known/jwks.json",
  "/healthz",
  "/",
  "/assets/style.css",
];
const pages = [
  "/oauth/authorize",
  "/oauth/consent",
  "/login",
  "/logout",
  "/account/apps",
  "/account/apps/cns_x/revoke",
];
const interfaces = [
  "/oauth/token",
  "/oauth/revoke",
  "/oauth/introspect",
  "/api/user/connected-apps",
  "/api/user/connected-apps/cns_x",
];
const endpoints = [...documents, ...pages, ...interfaces];

async function expectNoServerError(path, init, expected = (status) => status < 500) {
  const answer = await latchkey.fetch(path, init);
  const told = `${init?.method ?? "GET"} ${path.slice(0, 80)} -> ${answer.status}`;
  assert.ok(expected(answer.status), told);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff", told);
  if (answer.headers.get("content-type")?.startsWith("text/html")) expectPageHeaders(answer);
  return answer;
}

// The same garbage in every run.
function* numbers(seed) {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state >>> 8;
  }
}
const source = numbers(20_261_121);
const below = (bound) => source.next().value % bound;
const bytes = (length) => Uint8Array.from({ length }, () => below(256));

const FORM = "application/x-www-form-urlencoded";
const names = [
  "grant_type",
  "code",
  "client_id",
  "client_secret",
  "token",
  "request",
  "decision",
  "csrf",
  "username",
  "scope",
  "x",
];
const awkward = [
  "",
  "%00",
  "%FF%FE",
  "%",
  "%zz",
  "%E2%80%AE",
  "'; DROP TABLE users; --",
  "<script>",
  "[object Promise]",
  "null",
  "../..",
  "a".repeat(3000),
];
const pick = (list) => list[below(list.length)];
const randomForm = () =>
  Array.from({ length: 1 + below(8) }, () => `${pick(names)}${pick(["=", "=", "=", "", "=="])}${pick(awkward)}`).join(
    pick(["&", "&", "&&", ";"]),
  );

const types = [
  FORM,
  "application/json",
  "text/plain",
  "multipart/form-data; boundary=x",
  "application/xml",
  "",
  ";",
  'a/b;c="',
  `${FORM};charset=utf-16`,
];

test("any body under any content type", async (t) => {
  for (const path of endpoints) {
    await t.test(path, async () => {
      for (let round = 0; round < 12; round++) {
        const body = pick([() => bytes(below(300)), randomForm, () => JSON.stringify({ a: randomForm() }), () => ""])();
        const headers = {
          "content-type": pick(types),
          ...(below(2) && { authorization: basic(apps.web.client_id, apps.web.secret) }),
        };
        await expectNoServerError(path, { method: "POST", headers, body });
      }
    });
  }
});

test("any query", async (t) => {
  for (const path of endpoints) {
    await t.test(path, async () => {
      for (let round = 0; round < 6; round++) await expectNoServerError(`${path}?${randomForm()}`);
      await expectNoServerError(`${path}?${"a=b&".repeat(2000)}`);
      await expectNoServerError(`${path}?x=${"y".repeat(12_000)}`);
    });
  }
});

test("an authorization request with garbage in any one field", async (t) => {
  const { searchParams } = new URL(authorizationRequest(apps.spa, { resource: "x", prompt: "x", max_age: "x" }).url);
  for (const name of searchParams.keys()) {
    await t.test(name, async () => {
      const others = [...searchParams].filter(
        ([other]) => other !== name && !["resource", "prompt", "max_age"].includes(other),
      );
      for (const value of [
        ...awkward,
        "-1",
        "99999999999999999999",
        "1e9",
        "💥",
        "a b",
        "http://[",
        "http://[::1",
        "http://a:b:c/",
      ])
        await expectNoServerError(`/oauth/authorize?${new URLSearchParams(others)}&${name}=${value}`);
    });
  }
});

test("huge bodies", async (t) => {
  for (const path of [...pages, ...interfaces]) {
    await t.test(path, async () => {
      for (const size of [100_000, 4_000_000]) {
        const headers = { "content-type": FORM };
        const tooLarge = (status) => status >= 300 && status < 500;
        await expectNoServerError(path, { method: "POST", headers, body: `token=${"x".repeat(size)}` }, tooLarge);
      }
    });
  }
});

test("any method", async (t) => {
  for (const path of endpoints) {
    await t.test(path, async () => {
      for (const method of ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
        await expectNoServerError(path, { method, ...(method === "PUT" && { body: "x" }) });
    });
  }
});

test("any header", async (t) => {
  const headers = [
    ...[
      "Basic",
      "Basic =",
      "Basic Og==",
      "Basic \xff\xfe",
      "Bearer",
      "Bearer x.y.z",
      "Bearer ".repeat(500),
      "DPoP x",
      ":",
      "\xff",
    ].map((authorization) => ({ authorization })),
    ...[
      "=",
      "__Host-latchkey_session",
      "__Host-latchkey_session=",
      "__Host-latchkey_session=\xff",
      "a=b; ".repeat(1000),
      "__Host-latchkey_session=x; __Host-latchkey_session=y",
      '__Host-latchkey_browser="x"',
    ].map((cookie) => ({ cookie })),
    ...["null", "", "http://[", "file://", "\xff", "x".repeat(5000)].map((origin) => ({ origin })),
    { accept: "x".repeat(5000) },
    { "accept-language": "\xff;q=9" },
    { host: "evil.example" },
    { "x-forwarded-host": "evil.example", "x-forwarded-proto": "javascript" },
    { "content-length-x": "-1", "transfer-encoding-x": "chunked" },
    { dpop: "x" },
  ];
  for (const path of endpoints) {
    await t.test(path, async () => {
      for (const one of headers) await expectNoServerError(path, { headers: one });
      const post = { method: "POST", body: "token=x&grant_type=refresh_token&refresh_token=x" };
      for (const one of headers)
        await expectNoServerError(path, { ...post, headers: { "content-type": FORM, ...one } });
    });
  }
});

test("any path", async () => {
  const paths = [
    "/x".repeat(1000),
    "//oauth/token",
    "/oauth//token",
    "/oauth/token/",
    "/oauth/token/x",
    "/OAUTH/TOKEN",
    "/oauth/%74oken",
    "/oauth/..%2f..%2fetc/passwd",
    "/%00",
    "/%ff",
    "/%",
    "/%zz",
    "/ü",
    "/.well-known/",
    "/.well-known/jwks.json/x",
    "/assets/",
    "/assets/..%2fwrangler.toml",
    "/assets/style.css/x",
    "/api/user/connected-apps/",
    `/api/user/connected-apps/${"x".repeat(5000)}`,
    "/api/user/connected-apps/%00/x",
    "/account/apps//revoke",
    "/wrangler.toml",
    "/.dev.vars",
    "/favicon.ico",
  ];
  for (const path of paths) await expectNoServerError(path);
});

test("the same garbage from somebody signed in", async (t) => {
  const browser = await signedIn(latchkey);
  const cookie = [...browser.cookies].map((pair) => pair.join("=")).join("; ");
  const signed = { cookie, origin: "http://localhost:8787" };
  for (const path of [...pages, ...interfaces]) {
    await t.test(path, async () => {
      for (let round = 0; round < 8; round++) {
        await expectNoServerError(`${path}?${randomForm()}`, { headers: signed });
        const headers = { ...signed, "content-type": FORM };
        if (path !== "/logout") await expectNoServerError(path, { method: "POST", headers, body: randomForm() });
      }
      await expectNoServerError(path, { method: "DELETE", headers: signed });
    });
  }
});
