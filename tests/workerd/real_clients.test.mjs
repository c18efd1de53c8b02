// The whole flow through client libraries that know nothing of us.
import assert from "node:assert/strict";
import test from "node:test";
import { createRemoteJWKSet, customFetch as joseFetch, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { signedIn } from "./support/browser.mjs";
import { ISSUER, startLatchkey } from "./support/harness.mjs";
import { apis, apps, CALLBACK, newUser } from "./support/platform.mjs";
import { newFapiApp, newKeyedApp } from "./support/strong_clients.mjs";

const latchkey = await startLatchkey();
const fetch = (url, init) => latchkey.fetch(url, init);
const { projects } = apis;
const SCOPE = "read:profile read:projects";

// As an API does it, with nothing but the issuer's name.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { [joseFetch]: fetch });
const verify = (token) =>
  jwtVerify(token, keys, { issuer: ISSUER, audience: projects.resource, typ: "at+jwt", algorithms: ["ES256"] });

async function agree(url, button) {
  const username = await newUser(latchkey);
  const browser = await signedIn(latchkey, username);
  const { leaves } = await browser.submit((await browser.authorize(url)).forms[0], { button });
  return { callback: leaves, sub: `usr_${username}` };
}

const keyed = await newKeyedApp(latchkey);
const fapi = await newFapiApp(latchkey);
const named = ({ key: { privateKey: key, kid } }) => ({ key, kid });

const clients = {
  public: [apps.spa, oauth.None(), openid.None()],
  basic: [apps.web, oauth.ClientSecretBasic(apps.web.secret), openid.ClientSecretBasic(apps.web.secret)],
  post: [apps.post, oauth.ClientSecretPost(apps.post.secret), openid.ClientSecretPost(apps.post.secret)],
  private_key_jwt: [keyed, oauth.PrivateKeyJwt(named(keyed)), openid.PrivateKeyJwt(named(keyed))],
};
const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetch };

// Covers: R1, R5, R6, R7, R34, R38, R41, R48, R49, R50, R52, R53, R55, B22, B23, B24
test("oauth4webapi connects, calls, refreshes and disconnects", async (t) => {
  const issuer = new URL(ISSUER);
  const discovery = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
  const server = await oauth.processDiscoveryResponse(issuer, discovery);
  for (const [kind, [app, authentication]] of Object.entries(clients)) {
    await t.test(kind, async () => {
      const client = { client_id: app.client_id };
      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const url = new URL(server.authorization_endpoint);
      url.search = new URLSearchParams({
        response_type: "code",
        client_id: app.client_id,
        redirect_uri: CALLBACK,
        scope: SCOPE,
        resource: projects.resource,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      const { callback, sub } = await agree(url, "allow");

      const parameters = oauth.validateAuthResponse(server, client, callback, state);
      const answer = await oauth.authorizationCodeGrantRequest(
        ...[server, client, authentication, parameters, CALLBACK, verifier, options],
      );
      const first = await oauth.processAuthorizationCodeResponse(server, client, answer);
      const { payload } = await verify(first.access_token);
      assert.deepEqual([payload.sub, payload.client_id, payload.scope], [sub, app.client_id, SCOPE]);
      const call = new Request(projects.resource, { headers: { authorization: `Bearer ${first.access_token}` } });
      await oauth.validateJwtAccessToken(server, call, projects.resource, options);

      const again = await oauth.refreshTokenGrantRequest(server, client, authentication, first.refresh_token, options);
      const second = await oauth.processRefreshTokenResponse(server, client, again);
      await verify(second.access_token);

      const revocation = await oauth.revocationRequest(server, client, authentication, second.refresh_token, options);
      await oauth.processRevocationResponse(revocation);
      const late = await oauth.refreshTokenGrantRequest(server, client, authentication, second.refresh_token, options);
      await assert.rejects(oauth.processRefreshTokenResponse(server, client, late), { error: "invalid_grant" });
    });
  }
});

const configure = (app, authentication) =>
  openid.discovery(new URL(ISSUER), app.client_id, undefined, authentication, {
    algorithm: "oauth2",
    execute: [openid.allowInsecureRequests],
    [openid.customFetch]: fetch,
  });

// Covers: R1, R5, R6, R7, R34, R38, R41, R48, R49, R50, R52, R53, R55, B22, B23, B24
test("openid-client connects, calls, refreshes and disconnects", async (t) => {
  for (const [kind, [app, , authentication]] of Object.entries(clients)) {
    await t.test(kind, async () => {
      const config = await configure(app, authentication);
      const pkceCodeVerifier = openid.randomPKCECodeVerifier();
      const expectedState = openid.randomState();
      const url = openid.buildAuthorizationUrl(config, {
        redirect_uri: CALLBACK,
        scope: SCOPE,
        state: expectedState,
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: "S256",
      });
      const { callback, sub } = await agree(url, "allow");
      const first = await openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState });
      assert.equal((await verify(first.access_token)).payload.sub, sub);
      const second = await openid.refreshTokenGrant(config, first.refresh_token);
      await verify(second.access_token);
      if (kind !== "public") {
        const seen = await openid.tokenIntrospection(config, second.access_token);
        assert.deepEqual([seen.active, seen.sub], [true, sub]);
      }
      await openid.tokenRevocation(config, second.refresh_token);
      await assert.rejects(openid.refreshTokenGrant(config, second.refresh_token), { error: "invalid_grant" });
    });
  }
});

const strong = { ...clients, fapi: [fapi, oauth.PrivateKeyJwt(named(fapi)), openid.PrivateKeyJwt(named(fapi))] };

// A library that is told to use a nonce tries again with it.
async function withNonce(attempt, isNonceError) {
  try {
    return await attempt();
  } catch (error) {
    if (!isNonceError(error)) throw error;
    return attempt();
  }
}

// Rule: PAR 1, PAR 8, DPOP 2, DPOP 3, FAPI 1, FAPI 6, FAPI 16
test("oauth4webapi pushes its request and binds its tokens to a key", async (t) => {
  const issuer = new URL(ISSUER);
  const discovery = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...options });
  const server = await oauth.processDiscoveryResponse(issuer, discovery);
  for (const [kind, [app, authentication]] of Object.entries(strong)) {
    await t.test(kind, async () => {
      const client = { client_id: app.client_id };
      const pair = await oauth.generateKeyPair("ES256");
      const withProof = { ...options, DPoP: oauth.DPoP(client, pair) };
      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const parameters = {
        response_type: "code",
        redirect_uri: CALLBACK,
        scope: SCOPE,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      };
      const { request_uri } = await withNonce(async () => {
        const answer = await oauth.pushedAuthorizationRequest(server, client, authentication, parameters, withProof);
        return oauth.processPushedAuthorizationResponse(server, client, answer);
      }, oauth.isDPoPNonceError);
      const url = new URL(server.authorization_endpoint);
      url.search = new URLSearchParams({ client_id: app.client_id, request_uri });
      const { callback, sub } = await agree(url, "allow");

      const got = oauth.validateAuthResponse(server, client, callback, state);
      const first = await withNonce(async () => {
        const grant = [server, client, authentication, got, CALLBACK, verifier, withProof];
        return oauth.processAuthorizationCodeResponse(server, client, await oauth.authorizationCodeGrantRequest(...grant));
      }, oauth.isDPoPNonceError);
      assert.equal(first.token_type, "dpop");
      const { payload } = await verify(first.access_token);
      assert.equal(payload.sub, sub);
      assert.equal(payload.cnf.jkt, await withProof.DPoP.calculateThumbprint());

      const second = await withNonce(async () => {
        const grant = [server, client, authentication, first.refresh_token, withProof];
        return oauth.processRefreshTokenResponse(server, client, await oauth.refreshTokenGrantRequest(...grant));
      }, oauth.isDPoPNonceError);
      assert.equal((await verify(second.access_token)).payload.cnf.jkt, payload.cnf.jkt);
    });
  }
});

// Rule: PAR 1, PAR 8, DPOP 2, DPOP 3, FAPI 6, FAPI 16
test("openid-client pushes its request and binds its tokens to a key", async (t) => {
  for (const [kind, [app, , authentication]] of Object.entries(strong)) {
    await t.test(kind, async () => {
      const config = await configure(app, authentication);
      const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair("ES256"));
      const pkceCodeVerifier = openid.randomPKCECodeVerifier();
      const expectedState = openid.randomState();
      const parameters = {
        redirect_uri: CALLBACK,
        scope: SCOPE,
        state: expectedState,
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: "S256",
      };
      const url = await openid.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
      assert.match(url.searchParams.get("request_uri"), /^urn:ietf:params:oauth:request_uri:/);
      const { callback, sub } = await agree(url, "allow");
      const checks = { pkceCodeVerifier, expectedState };
      const first = await openid.authorizationCodeGrant(config, callback, checks, undefined, { DPoP });
      const { payload } = await verify(first.access_token);
      assert.deepEqual([payload.sub, first.token_type], [sub, "dpop"]);
      assert.equal(payload.cnf.jkt, await DPoP.calculateThumbprint());
      const second = await openid.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP });
      assert.equal((await verify(second.access_token)).payload.cnf.jkt, payload.cnf.jkt);
      if (app.method === "none" && app.key === undefined) return;
      const seen = await openid.tokenIntrospection(config, second.access_token);
      assert.deepEqual([seen.active, seen.token_type, seen.cnf.jkt], [true, "DPoP", payload.cnf.jkt]);
    });
  }
});

// Covers: R41
test("both libraries learn that the user refused", async () => {
  const config = await configure(apps.spa, openid.None());
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const expectedState = openid.randomState();
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: SCOPE,
    state: expectedState,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const { callback } = await agree(url, "deny");
  await assert.rejects(openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState }), {
    error: "access_denied",
  });
  assert.throws(
    () =>
      oauth.validateAuthResponse(config.serverMetadata(), { client_id: apps.spa.client_id }, callback, expectedState),
    { error: "access_denied" },
  );
});

// Covers: R6, R51
test("openid-client gets a token for a confidential app itself", async () => {
  const config = await configure(apps.server, openid.ClientSecretBasic(apps.server.secret));
  const { access_token, refresh_token } = await openid.clientCredentialsGrant(config, { scope: "read:projects" });
  assert.equal((await verify(access_token)).payload.sub, apps.server.client_id);
  assert.equal(refresh_token, undefined);
});

// Covers: R52, B29
test("a verifier that minds typ and alg takes nothing but our access tokens", async () => {
  const config = await configure(apps.server, openid.ClientSecretBasic(apps.server.secret));
  const { access_token } = await openid.clientCredentialsGrant(config);
  await assert.rejects(jwtVerify(access_token, keys, { issuer: ISSUER, audience: projects.resource, typ: "JWT" }));
  await assert.rejects(jwtVerify(access_token, keys, { issuer: ISSUER, audience: apis.billing.resource }));
  await assert.rejects(jwtVerify(access_token, keys, { algorithms: ["RS256"] }));
});
