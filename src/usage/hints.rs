//! What a developer has to change, for each error there is. The description says what was wrong with one request; this
//! says where such a request usually comes from.

/// By a part of the description. The first that fits counts.
const BY_DESCRIPTION: &[(&str, &str)] = &[
    (
        "the code was used before",
        "Each code may be redeemed once. Look for a callback that runs twice: a page that is reloaded, a framework that renders twice, a request that is retried with the same code. Keep the first token response instead.",
    ),
    (
        "the code has expired",
        "Redeem the code as soon as your callback is called: it lives for 60 seconds.",
    ),
    (
        "the code is unknown or has expired",
        "Redeem the code as soon as your callback is called, and exactly as it came: it lives for 60 seconds.",
    ),
    (
        "not one of this server",
        "Send the value exactly as it came, decoded once and whole. A value cut short by a database column, or one of another environment, looks like this too.",
    ),
    (
        "code was issued to another client",
        "Redeem the code with the client_id that asked for it. Two apps, or test and production, may share a callback.",
    ),
    (
        "code_verifier",
        "Keep the code_verifier of the very authorization request whose code came back, in the session of the same browser. A second tab must not overwrite the first one's.",
    ),
    (
        "redirect_uri differs",
        "Send the token endpoint the same redirect_uri, letter by letter, that the authorization request named, or none at all.",
    ),
    (
        "redirect_uri is not one of those registered",
        "Register this address on the page Settings, or send a registered one. Scheme, host, port, path and a slash at the end all count.",
    ),
    (
        "parameter redirect_uri",
        "Send redirect_uri exactly once, with an address that is registered for this app.",
    ),
    (
        "old refresh token",
        "Each refresh answers with a new refresh token, which replaces the one you sent. Store it before you use the access token, and let only one process refresh at a time. The user has to connect the app again.",
    ),
    (
        "replaced by a newer one",
        "Another process has refreshed already: use the refresh token that it was given. Let only one process refresh at a time.",
    ),
    (
        "its code was used again",
        "A code was redeemed twice, so everything that came of it has ended. Look for a callback that runs twice. The user has to connect the app again.",
    ),
    (
        "refresh token has expired",
        "The app has not been used for longer than its refresh tokens live. Ask the user to connect it again.",
    ),
    (
        "issued to another client",
        "Use each token with the client_id it was issued to. Test and production may share a database.",
    ),
    (
        "revoked",
        "The access has ended for good. Delete the stored tokens and offer the user to connect the app again.",
    ),
    (
        "suspended or changed",
        "Tokens from before the app was suspended never work again. Delete them and offer the user to connect the app again.",
    ),
    (
        "rejected or suspended",
        "Nobody can connect this app at the moment. The page Review says why.",
    ),
    (
        "may not be used at the moment",
        "This app was rejected or suspended. The page Review says why.",
    ),
    (
        "only its testers",
        "Until the app is approved only members of the developer account and testers can connect it. Add the person on the page Testing, or submit the app for review.",
    ),
    (
        "as many people as may",
        "An app that nobody has reviewed may be connected by a limited number of people.",
    ),
    (
        "nothing that was agreed to",
        "The scopes that the user agreed to were taken from this app since. The page Permissions shows what it may have today.",
    ),
    (
        "wrong client credentials",
        "Send a client secret that is live on the page Credentials. One that was replaced in a rotation, or that belongs to another environment, looks like this.",
    ),
    (
        "public client",
        "An app that runs on its users' devices has no secret: send client_id alone, and prove the request with PKCE.",
    ),
    (
        "must authenticate with its client secret",
        "Send the client secret, as HTTP Basic or as client_secret in the body.",
    ),
    (
        "private_key_jwt",
        "Send a client_assertion signed by a key that is registered on the page Credentials, and no secret.",
    ),
    (
        "check the clock",
        "The clock of the machine that signs is off by more than a minute. Let it follow a time server.",
    ),
    (
        "was used before: make a new one",
        "Make a new JWT with a new jti for every request, also for a retry.",
    ),
    (
        "not signed by a registered key",
        "Publish the new key in the registered JWK Set before you sign with it, and give it a kid.",
    ),
    (
        "client assertion",
        "Make the assertion with iss and sub set to the client_id, aud to this server's issuer, a new jti and an exp at most an hour ahead (RFC 7523).",
    ),
    (
        "DPoP",
        "Make a new proof for every request, with its method and URL, signed by the key the tokens are bound to (RFC 9449).",
    ),
    (
        "code_challenge",
        "Send code_challenge, the base64url SHA-256 of a new code_verifier, with code_challenge_method=S256 (PKCE). Client libraries do so when PKCE is switched on.",
    ),
    (
        "must push its authorization requests",
        "Send the request to /oauth/par first and the browser to /oauth/authorize with the request_uri it answers with.",
    ),
    (
        "request_uri",
        "Push a new request for each attempt and use its request_uri within five minutes, with the same client_id.",
    ),
    (
        "may not ask for",
        "Ask only for scopes that are on the page Permissions. A new one has to be added there and, for an approved app, reviewed.",
    ),
    (
        "may not have",
        "Ask only for scopes that the operator grants to the app itself. The page Permissions shows them.",
    ),
    (
        "named resource",
        "Each scope belongs to one API. Name the API of every scope in resource, or leave resource out.",
    ),
    (
        "goes beyond what was granted",
        "A refresh may ask for less than the user agreed to, never for more. Send the user through the consent page for more.",
    ),
    (
        "response_type",
        "Send response_type=code. The implicit flow (token, id_token) is not supported.",
    ),
    (
        "grant_type",
        "Use authorization_code, refresh_token, client_credentials or the JWT bearer grant. The password grant is not supported.",
    ),
    (
        "sent more than once",
        "Some part of the request was added twice, often by a library and once more by hand.",
    ),
    (
        "must not be sent in the URL",
        "Send the credentials in the body or the Authorization header: URLs are written into logs.",
    ),
    (
        "too many requests",
        "Wait for as many seconds as the header Retry-After says. Keep an access token until it expires instead of asking for a new one each time.",
    ),
];

/// By the error code, for descriptions that say enough already.
const BY_ERROR: &[(&str, &str)] = &[
    (
        "access_denied",
        "Offer the user to try again, and say what your app needs the permissions for.",
    ),
    (
        "consent_required",
        "Start again without prompt=none, so that the user can be asked.",
    ),
    (
        "interaction_required",
        "Start again without prompt=none, so that the user can be asked.",
    ),
    (
        "invalid_client",
        "Compare client_id and credentials with the page Credentials.",
    ),
    (
        "invalid_dpop_proof",
        "Make a new proof for every request, with its method and URL (RFC 9449).",
    ),
    (
        "invalid_grant",
        "The code or refresh token cannot be used any more. Offer the user to connect the app again.",
    ),
    (
        "invalid_request",
        "Compare the parameters with the documentation of this endpoint.",
    ),
    ("invalid_scope", "Compare the scopes with the page Permissions."),
    (
        "invalid_target",
        "Send resource with the address of an API that the app may use, exactly as it is listed.",
    ),
    (
        "login_required",
        "Start again without prompt=none, so that the user can sign in.",
    ),
    (
        "temporarily_unavailable",
        "Send the same request again after a second, and wait longer each time.",
    ),
    (
        "unauthorized_client",
        "This app may not use this grant. client_credentials and the JWT bearer grant are for approved apps with a secret or key, if the operator or the organization allows it.",
    ),
    (
        "unsupported_grant_type",
        "Use authorization_code, refresh_token, client_credentials or the JWT bearer grant.",
    ),
    ("unsupported_response_type", "Send response_type=code."),
    (
        "use_dpop_nonce",
        "Repeat the request with the nonce of the header DPoP-Nonce in the proof.",
    ),
];

/// What to change so that this error does not come again.
pub fn hint(error: &str, description: &str) -> &'static str {
    let by_description = BY_DESCRIPTION.iter().find(|(part, _)| description.contains(part));
    let by_error = || BY_ERROR.iter().find(|(code, _)| *code == error);
    let found = by_description.or_else(by_error);
    found.map_or("The description says what this server expected.", |(_, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_fits_what_went_wrong_and_not_only_its_code() {
        for (error, description, about) in [
            (
                "invalid_grant",
                "the code was used before; the tokens issued for it have been revoked",
                "callback that runs twice",
            ),
            (
                "invalid_grant",
                "the code has expired: codes live 60 seconds",
                "60 seconds",
            ),
            (
                "invalid_grant",
                "code_verifier does not fit the code_challenge",
                "same browser",
            ),
            (
                "invalid_grant",
                "an old refresh token was used again; the grant has been revoked",
                "one process",
            ),
            (
                "invalid_grant",
                "the grant has been revoked because an old refresh token was presented",
                "one process",
            ),
            (
                "invalid_grant",
                "the grant has been revoked because its code was used again",
                "redeemed twice",
            ),
            (
                "invalid_grant",
                "the user has revoked this app's access",
                "Delete the stored tokens",
            ),
            (
                "invalid_grant",
                "the refresh token was issued to another client",
                "client_id it was issued to",
            ),
            (
                "invalid_client",
                "unknown client or wrong client credentials",
                "page Credentials",
            ),
            (
                "invalid_client",
                "this is a public client: send client_id and no credentials",
                "PKCE",
            ),
            (
                "invalid_client",
                "the client assertion is from the future: check the clock",
                "time server",
            ),
            (
                "invalid_client",
                "the client assertion was used before: make a new one for each request",
                "new jti",
            ),
            ("invalid_client", "the client assertion has no sub", "RFC 7523"),
            ("invalid_dpop_proof", "the DPoP proof has no iat", "RFC 9449"),
            ("invalid_request", "code_challenge is required (PKCE, RFC 7636)", "S256"),
            (
                "invalid_request",
                "The redirect_uri is not one of those registered for this app. They are compared letter by letter.",
                "page Settings",
            ),
            (
                "invalid_scope",
                "this app may not ask for: write:all",
                "page Permissions",
            ),
            (
                "access_denied",
                "this app is being tested: only its testers can connect it",
                "page Testing",
            ),
            ("unsupported_response_type", "response_type must be code", "implicit"),
        ] {
            assert!(
                hint(error, description).contains(about),
                "{description}: {}",
                hint(error, description)
            );
        }
    }

    #[test]
    fn an_error_nobody_described_still_has_a_hint() {
        assert!(hint("invalid_grant", "x").contains("connect the app again"));
        assert!(!hint("nobody_knows", "").is_empty());
    }

    #[test]
    fn no_hint_stands_behind_a_broader_one_that_takes_its_place() {
        for (at, (part, _)) in BY_DESCRIPTION.iter().enumerate() {
            let broader = BY_DESCRIPTION
                .iter()
                .take(at)
                .find(|(earlier, _)| part.contains(earlier));
            assert_eq!(broader, None, "{part}");
        }
    }
}
