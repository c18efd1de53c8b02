import { authenticate, requireScope, requireUser } from "./access-token.js";
import { projectsOf, readCursor, totals } from "./projects.js";
import { json, Refusal, Unavailable } from "./refusal.js";

/** @typedef {import('./latchkey.js').Env} Env */

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 50;
const MAX_BODY_LENGTH = 4096;
const MAX_NAME_LENGTH = 100;

/**
 * @typedef {object} Call
 * @property {Request} request
 * @property {URL} url
 * @property {Env} env
 * @property {string} [id] what the route's path captured
 * @property {ReturnType<typeof projectsOf>} mine the user's own rows; absent in `forApps`
 *
 * @typedef {object} Endpoint
 * @property {string} scope
 * @property {(call: Call) => Promise<Response>} handle
 * @property {(call: Call) => Promise<Response>} [forApps] for a token without a user; without it such a token gets 403
 */

/**
 * What each route needs, and who may use it, in one place.
 * @type {{path: RegExp, methods: Record<string, Endpoint>}[]}
 */
const ROUTES = [
  {
    path: /^\/projects$/,
    methods: {
      GET: { scope: "read:projects", handle: listProjects },
      POST: { scope: "write:projects", handle: createProject },
    },
  },
  { path: /^\/projects\/([^/]+)$/, methods: { GET: { scope: "read:projects", handle: showProject } } },
  { path: /^\/profile$/, methods: { GET: { scope: "read:profile", handle: showProfile } } },
  { path: /^\/analytics$/, methods: { GET: { scope: "read:analytics", handle: showCounts, forApps: showTotals } } },
];

/** Tokens travel in a header that a page must set itself, never in a cookie, so any origin may call. */
const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After, Location",
};

export default {
  /**
   * @param {Request} request
   * @param {Env} env
   */
  async fetch(request, env) {
    const response = await answer(request, env).catch(toRefusal);
    for (const [name, value] of Object.entries(CORS)) response.headers.set(name, value);
    return response;
  },
};

async function answer(request, env) {
  const url = new URL(request.url);
  if (url.pathname === "/.well-known/oauth-protected-resource") {
    return request.method === "OPTIONS" ? preflight("GET") : resourceMetadata(env);
  }

  const route = ROUTES.find(({ path }) => path.test(url.pathname));
  if (!route) throw new Refusal(404, "not_found", "There is nothing at this address.");
  const allow = Object.keys(route.methods).join(", ");
  if (request.method === "OPTIONS") return preflight(allow);
  if (!Object.hasOwn(route.methods, request.method)) {
    throw new Refusal(405, "invalid_request", "This method is not offered here.", { Allow: allow });
  }

  const { scope, handle, forApps } = route.methods[request.method];
  const access = await authenticate(request, env, { scope });
  requireScope(access, scope, env);
  const call = { request, url, env, id: route.path.exec(url.pathname)[1] };
  if (forApps && access.user === null) return forApps(call);
  return handle({ ...call, mine: projectsOf(env.PROJECTS_DB, requireUser(access, scope, env)) });
}

async function listProjects({ url, mine }) {
  const limit = url.searchParams.get("limit") ?? String(DEFAULT_LIMIT);
  if (!/^[1-9]\d{0,8}$/.test(limit)) throw badRequest("limit is a whole number from 1.");
  const cursor = url.searchParams.get("cursor");
  const after = cursor === null ? null : readCursor(cursor);
  if (cursor !== null && after === null) throw badRequest("cursor is not one that this API gave out.");
  return json(await mine.list({ limit: Math.min(Number(limit), MAX_LIMIT), after }));
}

async function showProject({ mine, id }) {
  const project = await mine.find(id);
  // Somebody else's project and none at all are the same to the caller.
  if (!project) throw new Refusal(404, "not_found", "There is no such project.");
  return json(project);
}

async function createProject({ request, mine }) {
  const project = await mine.create(await readNewProject(request));
  return json(project, 201, { Location: `/projects/${project.id}` });
}

async function showProfile({ mine }) {
  const profile = await mine.profile();
  if (!profile) throw new Refusal(404, "not_found", "This user has no profile yet.");
  return json(profile);
}

async function showCounts({ mine }) {
  return json(await mine.counts());
}

async function showTotals({ env }) {
  return json(await totals(env.PROJECTS_DB));
}

async function readNewProject(request) {
  const type = request.headers.get("Content-Type") ?? "";
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new Refusal(415, "invalid_request", "Send the project as application/json.");
  }
  const body = await readText(request, MAX_BODY_LENGTH);
  let project;
  try {
    project = JSON.parse(body);
  } catch {
    throw badRequest("The body is not JSON.");
  }
  const name = typeof project?.name === "string" ? project.name.trim() : "";
  // Control and direction characters could make one name look like another.
  if (name === "" || [...name].length > MAX_NAME_LENGTH || /[\p{Cc}\p{Bidi_Control}]/u.test(name)) {
    throw badRequest(`name is a line of 1 to ${MAX_NAME_LENGTH} characters.`);
  }
  return { name };
}

/** Reads no further than the limit, whatever Content-Length says. */
async function readText(request, limit) {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > limit) throw new Refusal(413, "invalid_request", `The body holds more than ${limit} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** RFC 9728: tells a client that was refused where to ask for a token. */
function resourceMetadata(env) {
  return json({
    resource: env.RESOURCE,
    resource_name: "Projects API",
    authorization_servers: [env.ISSUER],
    scopes_supported: [...new Set(ROUTES.flatMap(({ methods }) => Object.values(methods).map(({ scope }) => scope)))],
    bearer_methods_supported: ["header"],
  });
}

function preflight(allow) {
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Methods": allow,
      "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
      "Access-Control-Max-Age": "600",
    },
  });
}

function badRequest(description) {
  return new Refusal(400, "invalid_request", description);
}

function toRefusal(error) {
  if (error instanceof Refusal) return error.toResponse();
  // The message may quote what was asked for, so only the kind is logged.
  const database = /^D1_/.test(error?.message);
  console.error(JSON.stringify({ event: "request_failed", kind: database ? "database" : error?.name }));
  if (database) return new Unavailable("The projects are not available just now. Try again shortly.").toResponse();
  return new Refusal(500, "server_error", "Something failed here; it was not the request.").toResponse();
}
