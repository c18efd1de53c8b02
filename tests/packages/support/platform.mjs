// The whole platform on the wire of one `fetch`: the real Latchkey in workerd, the real projects API of the examples,
// and whatever a test puts in between.
import api from "../../../examples/projects-api/src/index.js";
import { readFile } from "node:fs/promises";
import { d1 } from "../../examples/support/storage.mjs";
import { signedIn } from "../../workerd/support/browser.mjs";
import { ISSUER, startLatchkey } from "../../workerd/support/harness.mjs";
import { apis, newUser } from "../../workerd/support/platform.mjs";

const schema = await readFile(
  new URL("../../../examples/projects-api/migrations/0001_projects.sql", import.meta.url),
  "utf8",
);
export const API = apis.projects.resource;
export { ISSUER };

export async function startPlatform() {
  const latchkey = await startLatchkey();
  const PROJECTS_DB = d1(schema);
  const { client_id, secret } = apis.projects.credential;
  const env = {
    ISSUER,
    RESOURCE: API,
    LATCHKEY: latchkey,
    INTROSPECTION_CLIENT_ID: client_id,
    INTROSPECTION_CLIENT_SECRET: secret,
    PROJECTS_DB,
  };
  const platform = {
    latchkey,
    // What was asked, oldest first: { path, headers, body }
    requests: [],
    // Replaced by tests: may answer instead of the real one, or lose its answer. (path, answer) => Response
    between: (_path, answer) => answer(),
    async fetch(input, init = {}) {
      const url = new URL(input);
      const body = init.body?.toString();
      platform.requests.push({ path: url.pathname, headers: new Headers(init.headers), body });
      const { method = "GET", headers } = init;
      return platform.between(url.pathname, () =>
        url.origin === ISSUER
          ? latchkey.fetch(url, { method, headers, body })
          : api.fetch(new Request(url, { method, headers, body }), env),
      );
    },
    asked: (path) => platform.requests.filter((request) => request.path === path),
    // Somebody with projects of their own: { username, browser }, signed in at the platform.
    async newPerson(...projects) {
      const username = await newUser(latchkey);
      for (const [place, name] of projects.entries())
        PROJECTS_DB.database
          .prepare("INSERT INTO projects VALUES (?, ?, ?, ?)")
          .run(`usr_${username}`, `prj_${username}_${place}`, name, place);
      PROJECTS_DB.database
        .prepare("INSERT INTO profiles VALUES (?, ?, 1)")
        .run(`usr_${username}`, `${username} Example`);
      return { username, browser: await signedIn(latchkey, username) };
    },
  };
  platform.fetch = platform.fetch.bind(platform);
  return platform;
}

// What a person does with a link of an app's: the address they are sent back to.
export async function decide({ browser }, url, button = "allow") {
  const page = await browser.authorize(url);
  return page.leaves ?? (await browser.submit(page.forms[0], { button })).leaves;
}
