// Every page and every state of it, with how to get there. Nothing here reads the words on a page, so that each can be
// visited in every language.
import {
  addTester,
  authorizeUrl,
  connected,
  crowded,
  expired,
  newApp,
  PROGRAM,
  DAY,
  insertInto,
  run,
  SCHEME,
  TESTED,
  UNVERIFIED,
} from "./people_and_apps.mjs";
import { appPages } from "./gallery_apps.mjs";
import { credentialsPages } from "./gallery_credentials.mjs";
import { consolePages } from "./gallery_console.mjs";
import { usagePages } from "./gallery_usage.mjs";
import { platform } from "./platform.mjs";

const at = (path) => platform.issuer + path;
const submit = (page, form = "form") => page.locator(`${form} button[type="submit"]`).first().click();
const decide = (page, decision) => page.locator(`button[name="decision"][value="${decision}"]`).click();
const consentOf = async (page, app, parameters) => page.goto(authorizeUrl(app, parameters));

// Where the platform's own sign-in page would send this visitor back to.
async function wayBack(page) {
  await page.goto(at("/login?connection=con_acme"));
  return new URL(page.url()).searchParams.get("continue");
}

const storageFails = (page) =>
  page.setExtraHTTPHeaders({ "x-test-faults": JSON.stringify([{ at: "DB", fail: "before" }]) });

async function fiveApps(person) {
  const apps = [
    ["Northwind Planner", "Northwind Labs", { ago: 1, used: 0 }],
    ["Pocket Projects", "Southgate Tools", { ago: 30, used: 12 }],
    ["Quarterly", "Quarterly GmbH", { ago: 90 }],
    ["مخطط الشمال", "مختبرات الشمال", { ago: 200, used: 180 }],
    ["ノースウィンド計画", "ノースウィンド研究所", { ago: 360, used: 340 }],
  ];
  for (const [place, [name, developer, since]] of apps.entries())
    await connected(person, await newApp({ name, developer, ...(place > 0 && { logo: null }) }), since);
}

// The last of them is being revoked.
async function severalDevices(person) {
  const app = await newApp();
  const devices = [
    ["firefox/linux", { ago: 2, used: 0 }],
    ["safari/ios", { ago: 60, used: 31 }],
    ["chrome/windows", { ago: 350, used: 340 }],
    [null, { ago: 3, status: "revoking" }],
  ];
  for (const [device, since] of devices) await connected(person, app, { instance: String(device), device, ...since });
}

// { name: { stranger, main, status, heading, arrive(page, person) } }
// `stranger`: nobody is signed in. `main`: also in Arabic and Japanese. `status` and `heading` (in English) say that it
// is the page that was meant.
export const gallery = {
  home: {
    status: 200,
    heading: "Apps for Acme Projects",
    stranger: true,
    arrive: (page) => page.goto(at("/")) },
  "sign-in": {
    status: 200,
    heading: "Sign in to Acme Projects",
    stranger: true,
    main: true,
    arrive: (page) => page.goto(at("/login")),
  },
  "sign-in, a way used before": {
    stranger: true,
    status: 200,
    heading: "Sign in to Acme Projects",
    async arrive(page) {
      const cookie = { name: "__Host-latchkey_connection", value: "con_lakeside", domain: "localhost", path: "/", secure: true };
      await page.context().addCookies([cookie]);
      await page.goto(at("/login"));
    },
  },
  "sign-in, the provider is out of reach": {
    stranger: true,
    status: 503,
    heading: "We cannot reach the place where you sign in",
    arrive: (page) => page.goto(at("/login?connection=con_lakeside")),
  },
  "sign-in, cancelled at the provider": {
    stranger: true,
    status: 400,
    heading: "You were not signed in",
    async arrive(page) {
      const back = await wayBack(page);
      await page.goto(`${back}&error=access_denied`);
    },
  },
  "sign-in, an answer that is not believed": {
    stranger: true,
    status: 400,
    heading: "We could not sign you in",
    async arrive(page) {
      const back = await wayBack(page);
      await page.goto(`${back}&assertion=x`);
    },
  },
  "sign-in, another browser's": {
    stranger: true,
    status: 400,
    heading: "This sign-in did not begin in this browser",
    async arrive(page) {
      const back = await wayBack(page);
      await page.context().clearCookies();
      await page.goto(`${back}&assertion=x`);
    },
  },
  "the platform's own sign-in page": {
    stranger: true,
    status: 200,
    heading: "Sign in",
    arrive: (page) => page.goto(at("/login?connection=con_acme")),
  },
  "sign-in, name unknown": {
    status: 400,
    heading: "Sign in to Acme Projects",
    stranger: true,
    async arrive(page) {
      await page.goto(at("/login"));
      await page.locator("#username").fill("nobody");
      await submit(page);
    },
  },
  "sign-in, the page was open for too long": {
    status: 403,
    heading: "Please try once more",
    stranger: true,
    async arrive(page) {
      await page.goto(at("/login"));
      await page.context().clearCookies();
      await page.locator("#username").fill("alice");
      await submit(page);
    },
  },
  "sign-out": {
    status: 200,
    heading: "Sign out",
    main: true,
    arrive: (page) => page.goto(at("/logout")) },

  "signed out": {
    status: 200,
    heading: "You are signed out",
    async arrive(page) {
      await page.goto(at("/logout"));
      await submit(page);
    },
  },
  sessions: {
    main: true,
    status: 200,
    heading: "Where you are signed in",
    async arrive(page, person) {
      const elsewhere = { id: `ses_${person.id}`, token_hash: person.id, device: "safari/ios", user_id: person.id };
      const since = Date.now() - 9 * DAY;
      const times = { auth_time: since, created_at: since, last_seen_at: since + 5 * DAY, expires_at: since + 30 * DAY };
      await insertInto("sessions", { ...elsewhere, ...times, connection_id: "con_acme" });
      await page.goto(at("/account/sessions"));
    },
  },
  activity: {
    main: true,
    status: 200,
    heading: "What happened in your account",
    async arrive(page, person) {
      const { client_id } = await newApp({ name: "Northwind Planner", developer: "Northwind Labs" });
      const scopes = ["read:profile", "read:projects"];
      const granted = { scopes, added_scopes: scopes, is_new: true };
      const happened = [
        ["session.started", "user", { country: "DE" }],
        ["consent.granted", "user", { client_id, country: "DE", detail: JSON.stringify(granted) }],
        ["refresh_token.reused", "app", { client_id, country: "JP" }],
        ["consent.ended", "system", { client_id, detail: JSON.stringify({ ended_by: "unused" }) }],
        ["user.suspended", "operator", {}],
        ["user.reinstated", "operator", {}],
        ["session.ended", "user", { country: "FR" }],
      ];
      // Before the sign-in of this visit: entries are listed in the order in which they were entered.
      for (const [place, [event, actor_type, { client_id = null, country = null, detail = "{}" }]] of happened.toReversed().entries())
        await run(
          `INSERT INTO audit (seq, id, at, event, actor_type, actor_id, user_id, target_type, target_id, client_id, country, detail)
           SELECT min(seq) - 1, 'evt_' || ?1 || ?2, ?3, ?4, ?5, CASE ?5 WHEN 'user' THEN ?2 END, ?2, 'user', ?2, ?6, ?7, ?8 FROM audit`,
          place,
          person.id,
          Date.now() - (place + 1) * 9 * 3_600_000,
          event,
          actor_type,
          client_id,
          country,
          detail,
        );
      await page.goto(at("/account/activity"));
    },
  },
  "sign-out everywhere": {
    status: 200,
    heading: "Sign out everywhere?",
    arrive: (page) => page.goto(at("/account/sessions/end")),
  },
  "signed out everywhere": {
    status: 200,
    heading: "You are signed out everywhere",
    async arrive(page) {
      await page.goto(at("/account/sessions/end"));
      await submit(page);
    },
  },

  consent: {
    status: 200,
    heading: "Authorize Northwind Planner",
    main: true,
    arrive: async (page) => consentOf(page, await newApp(), { scope: "read:profile read:projects write:projects" }),
  },
  "consent, a program on this device": {
    status: 200,
    heading: "Authorize Northwind Planner",
    arrive: async (page) => consentOf(page, await newApp(), { redirect_uri: PROGRAM }),
  },
  "consent, an app of its own scheme": {
    status: 200,
    heading: "Authorize Northwind Planner",
    arrive: async (page) => consentOf(page, await newApp(), { redirect_uri: SCHEME }),
  },
  "consent, more than before": {
    status: 200,
    heading: "Authorize Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await connected(person, app, { ago: 9, used: 2 });
      await consentOf(page, app, { scope: "read:profile read:projects write:projects read:team" });
    },
  },
  "consent, nothing new": {
    status: 200,
    heading: "Authorize Northwind Planner",
    async arrive(page, person) {
      const app = await newApp();
      await connected(person, app, { ago: 9, used: 2 });
      await consentOf(page, app, { prompt: "consent" });
    },
  },
  "consent, some of it is optional": {
    main: true,
    status: 200,
    heading: "Authorize Northwind Planner",
    async arrive(page) {
      const app = await newApp({ optional: ["write:projects", "read:team"] });
      await consentOf(page, app, { scope: "read:profile read:projects write:projects read:team" });
    },
  },
  "consent, nothing chosen": {
    status: 400,
    heading: "Authorize Northwind Planner",
    async arrive(page) {
      await consentOf(page, await newApp({ optional: ["read:projects", "read:team"] }), { scope: "read:projects read:team" });
      for (const box of await page.locator("input[type=checkbox]").all()) await box.uncheck();
      await decide(page, "allow");
    },
  },
  "consent, an app that nobody has reviewed": {
    main: true,
    status: 200,
    heading: "Authorize Northwind Planner",
    arrive: async (page) => consentOf(page, await newApp({ ...UNVERIFIED, logo: null }), { redirect_uri: PROGRAM }),
  },
  "consent, an app that is full": {
    status: 403,
    heading: "This app cannot take anyone new yet",
    async arrive(page) {
      const app = await newApp(UNVERIFIED);
      await crowded(app);
      await consentOf(page, app);
    },
  },
  "consent, an app that the user's organization blocks": {
    main: true,
    status: 403,
    heading: "Your organization does not allow this app",
    async arrive(page, person) {
      const app = await newApp();
      const created_at = Date.now();
      const organization_id = `org_${app.client_id}`;
      await insertInto("organizations", { id: organization_id, name: "Acme Manufacturing", created_at });
      await insertInto("organization_members", { organization_id, user_id: person.id, role: "member", added_at: created_at });
      const decision = { decision: "blocked", decided_by: person.id, decided_at: created_at };
      await insertInto("organization_apps", { organization_id, client_id: app.client_id, ...decision });
      await consentOf(page, app);
    },
  },
  "consent, for a tester": {
    status: 200,
    heading: "Authorize Northwind Planner",
    async arrive(page, person) {
      const app = await newApp(TESTED);
      await addTester(person, app);
      await consentOf(page, app);
    },
  },
  "consent, for nobody but testers": {
    status: 403,
    heading: "This app is still being tested",
    arrive: async (page) => consentOf(page, await newApp(TESTED)),
  },
  "consent, a name of two alphabets": {
    status: 200,
    heading: "Authorize",
    arrive: async (page) => consentOf(page, await newApp({ name: "Аcme Prоjects" })), // two Cyrillic letters
  },
  "consent, signed out meanwhile": {
    status: 403,
    heading: "You are signed out",
    async arrive(page, person) {
      await consentOf(page, await newApp());
      await run("DELETE FROM sessions WHERE user_id = ?", person.id);
      await decide(page, "allow");
    },
  },
  "consent, several APIs": {
    status: 200,
    heading: "Authorize Northwind Planner",
    arrive: async (page) => consentOf(page, await newApp(), { scope: "read:projects write:projects read:invoices" }),
  },
  "consent, a hostile app": {
    status: 200,
    heading: "Authorize <b>Acme Projects</b>",
    async arrive(page) {
      const name = `<b>Acme Projects</b>\u202e\u200b ${"W".repeat(300)}`;
      await consentOf(page, await newApp({ name, developer: name }));
    },
  },
  "consent, already decided": {
    status: 409,
    heading: "You have already decided",
    async arrive(page) {
      await consentOf(page, await newApp());
      const { url, request } = await page
        .locator("form")
        .evaluate((form) => ({ url: form.action, request: new FormData(form).get("request") }));
      const headers = { origin: platform.issuer };
      await page.request.post(url, { form: { request, decision: "deny" }, headers, maxRedirects: 0 });
      await run("UPDATE decisions SET decided_at = decided_at - 60000");
      await decide(page, "deny");
    },
  },
  "consent, expired": {
    status: 400,
    heading: "This request has expired",
    async arrive(page) {
      await consentOf(page, await newApp());
      const address = new URL(page.url());
      address.searchParams.set("request_id", await expired(address.searchParams.get("request_id")));
      await page.goto(address.href);
    },
  },
  "consent, another browser's": {
    status: 400,
    heading: "This request began in another browser",
    async arrive(page) {
      await consentOf(page, await newApp());
      const session = (await page.context().cookies()).filter(({ name }) => name.endsWith("session"));
      await page.context().clearCookies();
      await page.context().addCookies(session);
      await page.reload();
    },
  },
  "consent, signed in as somebody else meanwhile": {
    status: 403,
    heading: "This decision was not made on our page",
    async arrive(page) {
      await consentOf(page, await newApp());
      // As in another tab, whose cookies are the same.
      const form = await (await page.request.get(at("/login"))).text();
      const [, csrf] = /name="csrf" value="([^"]+)"/.exec(form);
      await page.request.post(at("/login"), { form: { csrf, username: "ben" }, headers: { origin: platform.issuer } });
      await decide(page, "allow");
    },
  },
  "consent, the app was suspended meanwhile": {
    status: 400,
    heading: "This app cannot be connected now",
    async arrive(page) {
      const app = await newApp();
      await consentOf(page, app);
      await run("UPDATE apps SET status = 'suspended', epoch = epoch + 1 WHERE client_id = ?", app.client_id);
      await decide(page, "allow");
    },
  },
  "consent, storage down": {
    status: 503,
    heading: "That did not work just now",
    async arrive(page) {
      await consentOf(page, await newApp());
      await storageFails(page);
      await decide(page, "allow");
    },
  },
  "a link that does not work": {
    status: 400,
    heading: "This link does not work",
    stranger: true,
    arrive: (page) => page.goto(at("/oauth/authorize?client_id=nobody")) },

  "connected apps": {
    status: 200,
    heading: "Connected Applications",
    main: true,
    async arrive(page, person) {
      await fiveApps(person);
      await page.goto(at("/account/apps"));
    },
  },
  "connected apps, none": {
    status: 200,
    heading: "Connected Applications",
    main: true,
    arrive: (page) => page.goto(at("/account/apps")) },
  "connected apps, one revoked": {
    status: 200,
    heading: "Connected Applications",
    async arrive(page, person) {
      await fiveApps(person);
      await page.goto(at("/account/apps"));
      await page.locator('a[href$="/revoke"]').first().click();
      await submit(page, 'form[action$="/revoke"]');
    },
  },
  "connected apps, asked before one is revoked": {
    status: 200,
    heading: "Revoke access of ",
    async arrive(page, person) {
      await fiveApps(person);
      await page.goto(at("/account/apps"));
      await page.locator('a[href$="/revoke"]').first().click();
    },
  },
  "connected apps, asked before everything is revoked": {
    status: 200,
    heading: "Revoke access to everything?",
    async arrive(page, person) {
      await fiveApps(person);
      await page.goto(at("/account/apps/revoke-all"));
    },
  },
  "connected apps, one on several devices": {
    status: 200,
    heading: "Connected Applications",
    main: true,
    async arrive(page, person) {
      await severalDevices(person);
      await page.goto(at("/account/apps"));
    },
  },
  "connected apps, asked before an app is revoked on all devices": {
    status: 200,
    heading: "Revoke ",
    async arrive(page, person) {
      await severalDevices(person);
      await page.goto(at("/account/apps"));
      await page.locator(".whole-app a").first().click();
    },
  },
  "connected apps, older ones": {
    status: 200,
    heading: "Connected Applications",
    async arrive(page, person) {
      for (let app = 0; app < 51; app++) await connected(person, await newApp({ name: `App ${app}` }), { ago: app });
      await page.goto(at("/account/apps"));
      await page.locator("a[rel=next]").click();
    },
  },
  "connected apps, storage down": {
    status: 503,
    heading: "That did not work just now",
    async arrive(page) {
      await storageFails(page);
      await page.goto(at("/account/apps"));
    },
  },

  ...appPages,
  ...credentialsPages,
  ...usagePages,
  ...consolePages,

  "nothing here": {
    status: 404,
    heading: "There is nothing here",
    stranger: true,
    arrive: (page) => page.goto(at("/nowhere")) },
  "partner app": {
    status: 200,
    heading: "Plan your week",
    stranger: true,
    arrive: (page) => page.goto(platform.partner) },
  "partner app, refused": {
    status: 200,
    heading: "Nothing was connected",
    async arrive(page) {
      await page.goto(platform.partner);
      await page.locator("form button").first().click();
      await decide(page, "deny");
    },
  },
  "partner app, connected": {
    status: 200,
    heading: "Your projects",
    async arrive(page) {
      await page.goto(platform.partner);
      await page.locator("form button").first().click();
      await decide(page, "allow");
    },
  },
  "the API": { stranger: true, status: 200, heading: "API", arrive: (page) => page.goto(at("/api-docs")) },
  "the API, one part of it": {
    stranger: true,
    status: 200,
    heading: "Apps",
    arrive: (page) => page.goto(at("/api-docs/apps")),
  },
};
