// An enterprise allows an app for its people and blocks it: the operator, the organization's administrator, its identity
// provider (`jose`), an employee at the browser and the employee's agent (`openid-client`).
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test as chapter } from "node:test";
import { SignJWT } from "jose";
import * as openid from "openid-client";
import { startStandIn } from "../workerd/support/stand_in_provider.mjs";
import { authorizeUrl, newPerson } from "./support/people_and_apps.mjs";
import { platform } from "./support/platform.mjs";
import { connectedApps, visit } from "./support/visitor.mjs";

const at = (path) => platform.issuer + path;
const NAME = "Harbour Works";
const APP = "Northwind Reports";
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SUBJECT = "emp-4711";
const idp = await startStandIn();
const client = platform.clients.find(({ kind }) => kind === "post");

const isHeaded = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const shows = (page, text) => page.getByText(text).first().waitFor();
const follow = (page, target) => Promise.all([page.waitForEvent("load"), target.click()]);
const press = (page, name) => follow(page, page.getByRole("button", { name, exact: true }));
const link = (page, name) => follow(page, page.getByRole("link", { name, exact: true }));

// What one test leaves to the next. Each goes on where the one before it ended.
const life = { goesOn: true };

function test(name, story) {
  chapter(name, async (t) => {
    assert.ok(life.goesOn, "what comes before this failed");
    life.goesOn = false;
    await story(t);
    life.goesOn = true;
  });
}

function vouch() {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: idp.issuer,
    sub: SUBJECT,
    aud: platform.issuer,
    client_id: client.client_id,
    jti: randomBytes(16).toString("hex"),
    iat: now,
    exp: now + 300,
    scope: "read:profile read:projects",
    resource: platform.resource,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: idp.key.alg, typ: "oauth-id-jag+jwt", kid: idp.key.kid })
    .sign(idp.key.privateKey);
}

// The employee's agent asks for a token, and nobody is shown a page.
const obtain = async () => openid.genericGrantRequest(life.agent, GRANT, { assertion: await vouch(), resource: platform.resource });

// The Projects API asks Latchkey by introspection.
async function atTheApi({ access_token }) {
  const answer = await fetch(`${platform.resource}/projects`, { headers: { authorization: `Bearer ${access_token}` } });
  return answer.status;
}

const consentPage = (page) =>
  page.goto(authorizeUrl(client, { redirect_uri: "https://partner.example/callback" }), { waitUntil: "load" });

// Covers: R62, R63
test("the operator trusts an issuer and says who belongs to the organization", async (t) => {
  const page = await visit(t, { as: "ada" });
  Object.assign(life, {
    administrator: await newPerson({ name: "Mira Vogt" }),
    employee: await newPerson({ name: "Jane Doe" }),
  });
  await page.goto(at("/admin/policy"));
  await link(page, "Organizations");
  await page.getByLabel("Name").fill(NAME);
  await press(page, "Make it");
  await isHeaded(page, NAME);
  life.path = new URL(page.url()).pathname;
  await page.getByLabel("Issuer", { exact: true }).fill(idp.issuer);
  await press(page, "Trust");
  await shows(page, idp.issuer);
  const member = async ({ id }, role) => {
    await page.locator("#member").fill(id);
    await page.locator("#role").selectOption(role);
    await follow(page, page.locator("form").filter({ has: page.locator("#member") }).getByRole("button", { name: "Save" }));
    await page.getByRole("cell", { name: id }).waitFor();
  };
  await member(life.administrator, "administrator");
  await member(life.employee, "member");
  const { issuers } = await (await page.request.get(at(`/api${life.path}`))).json();
  await page.locator("#issuer_id").fill(issuers[0].id);
  await page.getByLabel("Subject").fill(SUBJECT);
  await page.locator("#user_id").fill(life.employee.id);
  await press(page, "Link");
  await isHeaded(page, NAME);
});

test("until its administrator allows the app, its identity provider vouches in vain", async () => {
  life.agent = await openid.discovery(
    new URL(platform.issuer),
    client.client_id,
    undefined,
    openid.ClientSecretPost(client.client_secret),
    { algorithm: "oauth2", execute: [openid.allowInsecureRequests] },
  );
  await assert.rejects(obtain, { error: "invalid_grant", error_description: /does not allow this client/ });
});

test("the organization's administrator, who is no operator, finds the page and allows the app", async (t) => {
  const page = await visit(t, { as: life.administrator.username });
  await page.goto(at("/account/apps"));
  await link(page, "Organizations");
  await isHeaded(page, "Organizations");
  await link(page, NAME);
  await isHeaded(page, NAME);
  assert.equal(await page.getByRole("button", { name: "Trust" }).count(), 0);
  await page.getByLabel("Client id").fill(client.client_id);
  await page.getByLabel("Decision").selectOption("allowed");
  await page.getByLabel("Permissions").fill("read:profile read:projects");
  await press(page, "Decide");
  await page.getByRole("button", { name: `Block ${APP}` }).waitFor();
});

test("the employee's agent gets a token without a page, and the employee sees who manages it", async (t) => {
  const page = await visit(t, { as: life.employee.username });
  life.tokens = await obtain();
  assert.equal(life.tokens.refresh_token, undefined);
  assert.equal(life.tokens.scope, "read:profile read:projects");
  assert.equal(await atTheApi(life.tokens), 200);
  await page.goto(at("/account/apps"));
  await shows(page, `Managed by ${NAME}`);
  assert.equal(await page.getByRole("link", { name: "Organizations" }).count(), 0);
});

test("the employee also connects the app in person", async (t) => {
  const page = await visit(t, { as: life.employee.username });
  await consentPage(page);
  await isHeaded(page, `Authorize ${APP}`);
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().startsWith("https://partner.example/")),
    page.getByRole("button", { name: "Allow Access" }).click(),
  ]);
  const code = new URL(request.url()).searchParams.get("code");
  const answer = await fetch(at("/oauth/token"), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: "https://partner.example/callback",
      code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", // of the challenge that authorizeUrl sends
      client_id: client.client_id,
      client_secret: client.client_secret,
    }),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  life.own = await answer.json();
  assert.equal(await atTheApi(life.own), 200);
  assert.equal((await connectedApps(page)).length, 2);
});

// Covers: R62, R63, R72
test("its administrator blocks the app, and at once nothing of it works for anybody in it", async (t) => {
  const page = await visit(t, { as: life.administrator.username });
  await page.goto(at(life.path));
  await press(page, `Block ${APP}`);
  await isHeaded(page, NAME);
  assert.equal(await page.getByRole("button", { name: `Block ${APP}` }).count(), 0);
  for (const tokens of [life.tokens, life.own]) assert.equal(await atTheApi(tokens), 401);
  await assert.rejects(obtain, { error: "invalid_grant", error_description: /does not allow this client/ });
  await assert.rejects(openid.refreshTokenGrant(life.agent, life.own.refresh_token), { error: "invalid_grant" });
  const employee = await visit(t, { as: life.employee.username });
  assert.deepEqual(await connectedApps(employee), []);
  assert.equal((await consentPage(employee)).status(), 403);
  await isHeaded(employee, "Your organization does not allow this app");
});

test("whoever is not in the organization connects the app as before", async (t) => {
  const page = await visit(t, { as: "ben" });
  await consentPage(page);
  await isHeaded(page, `Authorize ${APP}`);
});
