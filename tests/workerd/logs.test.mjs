// One line per request, which names what went wrong and holds nothing the request carried.
import assert from "node:assert/strict";
import test from "node:test";
import { Browser, signedIn } from "./support/browser.mjs";
import { expectNothingInside } from "./support/expect.mjs";
import { startLatchkey } from "./support/harness.mjs";
import { authorizationRequest, basic, oauthClient, postAs } from "./support/oauth.mjs";
import { apis, apps } from "./support/platform.mjs";

const latchkey = await startLatchkey();
const { redeem, refresh, revoke, introspect, token, tokens } = oauthClient(latchkey);
const lines = () => latchkey.takeLines().map((line) => JSON.parse(line));
const down = (at) => [{ at, fail: "before" }];

test("a line tells the request, its outcome and its id", async () => {
  lines();
  const answer = await postAs(latchkey, "/oauth/token?x=y", apps.spa, { grant_type: "refresh_token", refresh_token: "x" });
  const [line, ...more] = lines();
  assert.deepEqual(more, []);
  const { request_id, duration_ms, ...rest } = line;
  assert.equal(request_id, answer.headers.get("x-request-id"));
  assert.ok(duration_ms >= 0);
  assert.deepEqual(rest, {
    method: "POST",
    route: "token",
    status: 400,
    error: "invalid_grant",
    client_id: apps.spa.client_id,
  });
});

test("storage that fails is named in the line of its own request, also when requests run side by side", async () => {
  const grants = [await (await signedIn(latchkey)).connect(apps.spa), await (await signedIn(latchkey)).connect(apps.spa)];
  lines();
  const parts = { LEDGER: "ledger", KV: "kv" };
  const slowly = (at) => [{ at, fail: "before", delayBefore: 30 }];
  const answers = await Promise.all(
    Object.keys(parts).map((at, index) => redeem(grants[index], {}, { faults: slowly(at) })),
  );
  const written = lines();
  for (const [index, part] of Object.values(parts).entries()) {
    const id = answers[index].headers.get("x-request-id");
    const { faults } = written.find(({ request_id }) => request_id === id);
    assert.deepEqual([...new Set(faults.map((fault) => fault.part))], [part]);
    assert.match(faults[0].detail, /injected/);
  }
});

test("a panic is a 500 for its own request, told by an id, and other requests go on", async (t) => {
  const panic = { faults: [{ at: "panic" }] };
  lines();
  const [asProgram, asPerson, beside] = await Promise.all([
    latchkey.fetch("/oauth/token", { method: "POST", ...panic }),
    latchkey.fetch("/login", { headers: { accept: "text/html" }, ...panic }),
    latchkey.fetch("/login"),
  ]);
  assert.equal(beside.status, 200);
  const written = lines();
  for (const answer of [asProgram, asPerson]) {
    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get("cache-control"), "no-store");
    const id = answer.headers.get("x-request-id");
    assert.match(written.find(({ request_id }) => request_id === id).panicked_at, /\.rs:\d+$/);
    const text = await answer.text();
    expectNothingInside(text);
    if (answer === asPerson) assert.ok(text.includes(id));
    else assert.partialDeepStrictEqual(JSON.parse(text), { status: 500, error: "server_error", request_id: id });
  }
  assert.equal((await latchkey.fetch("/")).status, 200);
});

// Every secret that went over the wire, in either direction.
class Wire {
  seen = new Set(["alice", "username"]);

  constructor() {
    const fetch = latchkey.fetch;
    this.fetch = async (input, init = {}) => {
      const url = new URL(String(input), "http://localhost:8787");
      this.#take(url.searchParams);
      if (init.body) this.#take(new URLSearchParams(init.body));
      for (const name of ["authorization", "cookie", "dpop"]) this.#add(new Headers(init.headers).get(name));
      const answer = await fetch(input, init);
      for (const cookie of answer.headers.getSetCookie()) this.#add(/=([^;]*)/.exec(cookie)[1]);
      const location = answer.headers.get("location");
      if (location) this.#take(new URL(location, url).searchParams);
      const text = await answer.clone().text();
      if (answer.headers.get("content-type")?.includes("json"))
        for (const [name, value] of Object.entries(JSON.parse(text))) if (name.endsWith("token")) this.#add(value);
      for (const [, value] of text.matchAll(/type="hidden"[^>]*value="([^"]*)"/g)) this.#add(value);
      return answer;
    };
  }

  #take(parameters) {
    for (const [name, value] of parameters)
      if (!["client_id", "error", "iss", "grant_type", "decision"].includes(name)) this.#add(value);
  }

  #add(value) {
    if (typeof value === "string" && value.length > 5) this.seen.add(value);
  }
}

// Covers: B44
test("no token, code, secret, cookie, query, proof or name is ever written, also when storage fails", async () => {
  const wire = new Wire();
  const watched = Object.assign(Object.create(latchkey), { fetch: wire.fetch });
  const client = oauthClient(watched);
  latchkey.takeLines();
  const dpop = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0.eyJqdGkiOiJwcm9vZiJ9.c2lnbmF0dXJl";
  for (const faults of [undefined, down("DB"), down("KV"), down("LEDGER"), down("KEYRING"), down("*")]) {
    const grant = await (await signedIn(watched)).connect(apps.web, { login_hint: "alice" });
    const options = { faults, headers: { "x-request-id": "chosen-by-the-client" } };
    await client.redeem(grant, {}, options);
    const got = await client.tokens(await client.redeem(await (await signedIn(watched)).connect(apps.web)));
    await client.introspect(apis.projects.credential, got.access_token, {}, options);
    await client.introspect(apps.web, got.refresh_token, {}, options);
    await client.refresh(apps.web, got.refresh_token, {}, options);
    await client.refresh({ ...apps.web, secret: "lks_wrongsecret" }, got.refresh_token, {}, options);
    await client.refresh(apps.web, got.refresh_token, {}, { ...options, headers: { dpop } });
    await client.revoke(apps.web, got.access_token, {}, options);
    await postAs(watched, "/oauth/par", apps.web, { state: "pushed-state", scope: "pushed-scope" }, options);
    await client.token(apps.server, { grant_type: "client_credentials" }, options);
    const browser = await signedIn(watched);
    for (const path of ["/account/apps", "/api/user/connected-apps", "/logout", "/login?continue=%2Fsecret-path"])
      await browser.request(path, { faults });
    const page = await browser.authorize(authorizationRequest(apps.spa).url);
    await browser.submit(page.forms[0], { button: "deny", faults });
    await browser.open(authorizationRequest(apps.spa).url, { faults });
    await watched.fetch("/lkr_secret_path?token=lkr_secret_query", { faults });
    const stranger = new Browser(watched);
    const { forms } = await stranger.open("/login");
    await stranger.submit(forms[0], { fields: { username: "alice" }, faults });
  }
  // Without the ids that are drawn here: any word comes up in one of them some day.
  const drawn = /"request_id":"[a-z2-7]{26}"/g;
  const output = latchkey.server.getLogs().map(({ message }) => message.replace(drawn, ""));
  const written = latchkey.takeLines();
  assert.ok(written.length > 100 && wire.seen.size > 100, `${written.length} lines, ${wire.seen.size} secrets`);
  const known = ["alice", "secret_path", "secret-path", "chosen-by-the-client", basic(apps.web.client_id, apps.web.secret)];
  for (const line of output) {
    for (const secret of [...wire.seen, ...known]) assert.ok(!line.includes(secret), `${secret} in ${line}`);
    assert.doesNotMatch(line, /lk[crsa]_|eyJ|usr_|cns_|Bearer|Basic /);
  }
  for (const id of ["request_id", "route", "status"])
    for (const line of written) assert.ok(id in JSON.parse(line), line);
});
