// Cloudflare's workers-oauth-provider with the least around it: nobody signs in, whoever posts the form agrees, and the
// API answers nothing.
// The page keeps what is asked unsealed, and earlier grants stay: both make it faster than its documentation wants.
import OAuthProvider from "@cloudflare/workers-oauth-provider";

const ORIGIN = "https://provider.example";

const site = {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/client") return Response.json(await env.OAUTH_PROVIDER.createClient(await request.json()));
    if (pathname.startsWith("/api/")) return new Response(null, { status: 204 });
    if (pathname !== "/authorize") return new Response(null, { status: 404 });
    return request.method === "POST" ? decide(request, env) : ask(request, env);
  },
};

async function ask(request, env) {
  const asked = await env.OAUTH_PROVIDER.parseAuthRequest(request);
  const client = await env.OAUTH_PROVIDER.lookupClient(asked.clientId);
  const page = `<!doctype html><title>Authorize ${client.clientName}</title>
<form method="post"><input type="hidden" name="request" value="${btoa(JSON.stringify(asked))}"><button>Allow</button></form>`;
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}

async function decide(request, env) {
  const form = await request.formData();
  const asked = JSON.parse(atob(form.get("request")));
  const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
    request: asked,
    userId: form.get("user"),
    metadata: {},
    scope: asked.scope,
    props: { user: form.get("user") },
    revokeExistingGrants: false,
  });
  return new Response(null, { status: 303, headers: { location: redirectTo } });
}

const provider = new OAuthProvider({
  apiRoute: "/api/",
  apiHandler: site,
  defaultHandler: site,
  authorizeEndpoint: "/authorize",
  tokenEndpoint: "/oauth/token",
  scopesSupported: ["read:profile", "read:projects"],
  resourceMetadata: { resource: `${ORIGIN}/api/`, authorization_servers: [ORIGIN] },
});

// It compares the address of a call with what tokens are for, and there is no TLS here.
const withTls = (request) => new Request(request.url.replace("http:", "https:"), request);

export default {
  fetch: (request, env, ctx) => provider.fetch(request.url.includes("/api/") ? withTls(request) : request, env, ctx),
};
