// The least that a Worker can do and still answer like an authorization server: nothing is parsed, nothing judged.
import { DurableObject } from "cloudflare:workers";

const SHARDS = 16;
const METADATA = JSON.stringify({ issuer: "https://floor.example", token_endpoint: "https://floor.example/token" });
const encoder = new TextEncoder();
const base64url = (bytes) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });
const part = (value) => base64url(encoder.encode(JSON.stringify(value)));
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HEADER = part({ alg: "ES256", typ: "at+jwt", kid: "floor" });

let keys;

async function token(id) {
  // Of two requests that come at once the first to be done decides.
  const made = keys ?? (await crypto.subtle.generateKey(ES256, false, ["sign", "verify"]));
  keys ??= made;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "https://floor.example",
    sub: `usr_${id}`,
    aud: "https://api.example",
    client_id: "app_floor",
    scope: "read:profile read:projects",
    iat: now,
    exp: now + 3600,
    jti: base64url(crypto.getRandomValues(new Uint8Array(16))),
  };
  const signed = `${HEADER}.${part(claims)}`;
  const signature = await crypto.subtle.sign(ES256, keys.privateKey, encoder.encode(signed));
  const access_token = `${signed}.${base64url(new Uint8Array(signature))}`;
  return Response.json({ access_token, token_type: "Bearer", expires_in: 3600, refresh_token: id });
}

// What every check of a JWT does at the least: its signature, its audience, its time.
async function isGood(request) {
  const [header, claims, signature] = request.headers.get("authorization").slice("Bearer ".length).split(".");
  const bytes = Uint8Array.fromBase64(signature, { alphabet: "base64url" });
  const isSigned = await crypto.subtle.verify(ES256, keys.publicKey, bytes, encoder.encode(`${header}.${claims}`));
  const { aud, exp } = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(claims, { alphabet: "base64url" })));
  return isSigned && aud === "https://api.example" && exp > Date.now() / 1000;
}

// Never what is there already: SQLite would not write that.
const record = (text) => `${text}${Date.now()}${Math.random()}`;
const shardOf = (id) => Number.parseInt(id.slice(-2), 16) % SHARDS;

function write(env, id, record) {
  const stub = env.LEDGER.getByName(`shard-${shardOf(id)}`);
  return stub.fetch("https://ledger/", { method: "POST", body: JSON.stringify({ id, record }) });
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const id = searchParams.get("id");
    switch (pathname) {
      case "/static":
        return new Response(METADATA, { headers: { "content-type": "application/json" } });
      case "/prepare":
        await env.KV.put(id, id.repeat(16), { expirationTtl: 300 });
        return new Response(null, { status: 204 });
      case "/sign":
        return token("machine");
      case "/check":
        return new Response(null, { status: (await isGood(request)) ? 204 : 401 });
      case "/nothing":
        return new Response(null, { status: 204 });
      case "/code":
        await write(env, id, record(await env.KV.get(id)));
        return token(id);
      case "/refresh":
        await write(env, id, record(id.repeat(16)));
        return token(id);
      default:
        return new Response(null, { status: 404 });
    }
  },
};

export class Ledger extends DurableObject {
  constructor(state, env) {
    super(state, env);
    state.storage.sql.exec("CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID");
  }

  async fetch(request) {
    const { id, record } = await request.json();
    this.ctx.storage.sql.exec(
      "INSERT INTO rows (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
      id,
      record,
    );
    return new Response(null, { status: 204 });
  }
}
