import { readFile } from "node:fs/promises";
import api from "../../../examples/projects-api/src/index.js";
import { d1 } from "./storage.mjs";
import { standIn } from "./stand-in.mjs";

export const RESOURCE = "http://api.test";
const schema = await readFile(
  new URL("../../../examples/projects-api/migrations/0001_projects.sql", import.meta.url),
  "utf8",
);
const ROWS = `
  INSERT INTO profiles VALUES ('usr_alice', 'Alice', 1), ('usr_ben', 'Ben', 1);
  INSERT INTO projects VALUES
    ('usr_alice', 'prj_aaaaaaaaaaaaaaaaaaaaaaaaaa', 'Garden', 3000),
    ('usr_alice', 'prj_bbbbbbbbbbbbbbbbbbbbbbbbbb', 'Boat', 2000),
    ('usr_alice', 'prj_cccccccccccccccccccccccccc', 'Attic', 2000),
    ('usr_ben', 'prj_dddddddddddddddddddddddddd', 'Secret of Ben', 4000);
  INSERT INTO tasks VALUES
    ('usr_alice', 'prj_aaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 'Water', 0),
    ('usr_alice', 'prj_aaaaaaaaaaaaaaaaaaaaaaaaaa', 0, 'Dig', 1),
    ('usr_ben', 'prj_dddddddddddddddddddddddddd', 0, 'Hide', 0);`;

/** Of a Worker at `resource`: the projects' database, and a Latchkey that says "active" of every token. */
export async function surroundings(resource) {
  const latchkey = await standIn();
  latchkey.handlers["/oauth/introspect"] = ({ form }) => {
    const { sub, client_id, scope } = JSON.parse(
      atob(form.get("token").split(".")[1].replaceAll("-", "+").replaceAll("_", "/")),
    );
    return Response.json({ active: true, sub, client_id, scope });
  };
  const env = {
    ISSUER: latchkey.issuer,
    RESOURCE: resource,
    LATCHKEY: latchkey,
    INTROSPECTION_CLIENT_ID: "apc_one",
    INTROSPECTION_CLIENT_SECRET: "lka_a b%",
    PROJECTS_DB: d1(schema, ROWS),
  };
  return { latchkey, env };
}

/** The API, its database and a Latchkey that says "active" of every token, with the token's own claims. */
export async function platform() {
  const { latchkey, env } = await surroundings(RESOURCE);
  const call = async (path, { token, scheme = "Bearer", ...options } = {}) => {
    const headers = { ...(token !== undefined && { Authorization: `${scheme} ${token}` }), ...options.headers };
    const response = await api.fetch(new Request(`${RESOURCE}${path}`, { ...options, headers }), env);
    const text = await response.text();
    return {
      response,
      status: response.status,
      challenge: response.headers.get("WWW-Authenticate"),
      text,
      body: text && JSON.parse(text),
    };
  };
  const create = (token, body, headers = { "Content-Type": "application/json" }) =>
    call("/projects", { token, method: "POST", headers, body });
  return { latchkey, env, call, create };
}
