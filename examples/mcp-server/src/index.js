import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { authenticate, insufficientScope, requireUser } from "../../projects-api/src/access-token.js";
import { projectsOf } from "../../projects-api/src/projects.js";
import { json, metadataPath, Refusal } from "../../projects-api/src/refusal.js";
import { READ, SCOPES, scopeOf, serverFor } from "./tools.js";

/** @typedef {import('../../projects-api/src/latchkey.js').Env} Env */

const MAX_BODY_LENGTH = 64 * 1024;

export default {
  /**
   * @param {Request} request
   * @param {Env} env
   */
  async fetch(request, env) {
    return answer(request, env).catch(toRefusal);
  },
};

async function answer(request, env) {
  const { pathname } = new URL(request.url);
  // At the place that RFC 9728 builds from the resource, and at the root, where some clients look as well.
  if ([metadataPath(env.RESOURCE), metadataPath("")].includes(pathname)) return resourceMetadata(env);
  if (pathname !== new URL(env.RESOURCE).pathname) throw new Refusal(404, "not_found", "There is nothing at this address.");
  requireOwnOrigin(request, env);
  // What an agent needs first is what a 401 tells it to ask for; for more it is told when it wants more.
  const access = await authenticate(request, env, { scope: READ });
  const user = requireUser(access, READ, env);
  // Nothing is remembered between requests, so there is no stream to listen to and no session to end.
  if (request.method !== "POST") {
    throw new Refusal(405, "invalid_request", "This method is not offered here.", { Allow: "POST" });
  }
  const message = await readMessage(request);
  requireScopeOf(message, access, env);

  // One server and one transport per request: nothing of one user is there when the next one asks.
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await serverFor(projectsOf(env.PROJECTS_DB, user)).connect(transport);
  return transport.handleRequest(request, { parsedBody: message });
}

/** MCP, "Streamable HTTP": a page of another site must not reach a server that happens to run on its reader's machine. */
function requireOwnOrigin(request, env) {
  const origin = request.headers.get("Origin");
  if (origin !== null && origin !== new URL(env.RESOURCE).origin) {
    throw new Refusal(403, "invalid_request", "Pages of other sites may not call this server.");
  }
}

function requireScopeOf(message, access, env) {
  const scope = scopeOf(message);
  if (scope === null || access.scopes.has(scope)) return;
  // Also what the token has already: the next one replaces it, and should do all that this one did.
  const all = SCOPES.filter((one) => one === scope || access.scopes.has(one)).join(" ");
  throw insufficientScope(env, all, "The token does not carry the permission that this tool needs.");
}

async function readMessage(request) {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  // No further than the limit, whatever Content-Length says.
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BODY_LENGTH) {
      throw new Refusal(413, "invalid_request", `The body holds more than ${MAX_BODY_LENGTH} bytes.`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  let message;
  try {
    message = JSON.parse(text + decoder.decode());
  } catch {
    throw new Refusal(400, "invalid_request", "The body is not JSON.");
  }
  // A batch, which MCP has given up, could hide a tool behind another.
  if (Array.isArray(message)) throw new Refusal(400, "invalid_request", "Send one message at a time.");
  return message;
}

/** RFC 9728: tells an agent that was refused where to ask for a token. */
function resourceMetadata(env) {
  return json({
    resource: env.RESOURCE,
    resource_name: "Acme Projects for agents",
    authorization_servers: [env.ISSUER],
    scopes_supported: SCOPES,
    bearer_methods_supported: ["header"],
  });
}

function toRefusal(error) {
  if (error instanceof Refusal) return error.toResponse();
  // The message may quote what was asked for, so only the kind is logged.
  console.error(JSON.stringify({ event: "request_failed", kind: error?.name }));
  return new Refusal(500, "server_error", "Something failed here; it was not the request.").toResponse();
}
