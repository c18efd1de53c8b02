import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

// `kept` is what this install remembers of one MCP server: write it where only this user can read it. `show(url)` opens
// the user's browser, and resolves to the address that it came back to.
export class AgentProvider {
  #wantsMore = false;
  #server;
  #comesBack;

  constructor({ kept, redirectUrl, clientMetadataUrl, show }) {
    Object.assign(this, { kept, redirectUrl, clientMetadataUrl, show });
  }

  // What the SDK registers where the server does not fetch `clientMetadataUrl`.
  get clientMetadata() {
    return {
      client_name: "Nimbus",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  clientInformation = () => this.kept.client;
  saveClientInformation(client) {
    this.kept.client = client;
  }

  // While the user is asked for more there is nothing to refresh with: the SDK would refresh, and get no more than before.
  tokens() {
    const { refresh_token, ...others } = this.kept.tokens ?? {};
    return this.kept.tokens && this.#wantsMore ? others : this.kept.tokens;
  }

  async saveTokens(tokens) {
    const earlier = this.#wantsMore ? this.kept.tokens?.refresh_token : undefined;
    this.#wantsMore = false;
    this.kept.tokens = tokens;
    // These do all that the earlier ones did, which nobody needs any more.
    if (earlier) await this.#revoke(earlier);
  }

  async #revoke(token) {
    const body = new URLSearchParams({ token, client_id: this.kept.client.client_id });
    await fetch(this.#server.revocation_endpoint, { method: "POST", body });
  }

  saveDiscoveryState({ authorizationServerMetadata }) {
    this.#server = authorizationServerMetadata;
  }

  state() {
    this.kept.state = crypto.randomUUID();
    return this.kept.state;
  }

  saveCodeVerifier(verifier) {
    this.kept.verifier = verifier;
  }
  codeVerifier = () => this.kept.verifier;

  redirectToAuthorization(url) {
    this.#comesBack = this.show(url);
  }

  // The code that the browser brought back, if it is the answer to what was asked, of the server that was asked.
  async code() {
    const { searchParams } = new URL(await this.#comesBack);
    const { state, iss, code, error } = Object.fromEntries(searchParams);
    if (state !== this.kept.state || iss !== this.#server.issuer) throw new Error("That was no answer to this agent.");
    if (!code) throw new Error(`The user was asked in vain: ${error}`);
    return code;
  }

  invalidateCredentials(which) {
    if (["all", "client"].includes(which)) delete this.kept.client;
    if (["all", "tokens"].includes(which)) delete this.kept.tokens;
  }

  // For the transport, too: here one sees what was refused.
  fetch = async (url, init) => {
    const response = await fetch(url, init);
    const challenge = response.headers.get("www-authenticate") ?? "";
    if (response.status === 403 && challenge.includes("insufficient_scope")) this.#wantsMore = true;
    return response;
  };
}

export class Agent {
  #provider;
  #url;
  #transport;
  #client;

  constructor(url, provider) {
    this.#url = new URL(url);
    this.#provider = provider;
  }

  // Asks the user when it must: at first, when a tool needs more than they agreed to, and when they took it back.
  async callTool(name, input = {}) {
    for (let asked = 0; ; asked += 1) {
      try {
        this.#client ??= await this.#connect();
        return await this.#client.callTool({ name, arguments: input });
      } catch (error) {
        if (!(error instanceof UnauthorizedError) || asked === 2) throw error;
        await this.#transport.finishAuth(await this.#provider.code());
      }
    }
  }

  async #connect() {
    const client = new Client({ name: "nimbus", version: "1.0.0" });
    const { fetch } = this.#provider;
    this.#transport = new StreamableHTTPClientTransport(this.#url, { authProvider: this.#provider, fetch });
    await client.connect(this.#transport);
    return client;
  }

  close = () => this.#client?.close();
}
