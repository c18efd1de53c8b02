//! What the server can do, said once: the metadata document (RFC 8414) is made from it.

use serde::Serialize;

use super::client_authentication::METHODS;
use super::id_jag;
use super::introspection_jwt;
use super::jws::Algorithm;
use super::scope::OFFLINE_ACCESS;
use super::token_request::TokenRequest;
use crate::config::{Config, DynamicRegistration};
use crate::crypto::signing::SigningAlgorithm;
use crate::router;

/// Authorization server metadata (RFC 8414 §2).
#[derive(Debug, Serialize)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    pushed_authorization_request_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    introspection_endpoint: String,
    jwks_uri: String,
    /// draft-ietf-oauth-status-list §9.1
    status_list_aggregation_endpoint: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 4],
    authorization_grant_profiles_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 5],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 5],
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 5],
    introspection_signing_alg_values_supported: [&'static str; 2],
    dpop_signing_alg_values_supported: [&'static str; 5],
    require_pushed_authorization_requests: bool,
    scopes_supported: [&'static str; 1],
    client_id_metadata_document_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    claims_parameter_supported: bool,
}

impl Metadata {
    /// The document of a server that is configured like this.
    pub fn new(config: &Config) -> Self {
        let issuer = &config.issuer;
        let algorithms = Algorithm::NAMES;
        let confidential = METHODS.into_iter().filter(|method| *method != "none");
        Self {
            issuer: issuer.as_str().to_owned(),
            authorization_endpoint: issuer.url(router::AUTHORIZE),
            token_endpoint: issuer.url(router::TOKEN),
            pushed_authorization_request_endpoint: issuer.url(router::PAR),
            registration_endpoint: (config.dynamic_registration != DynamicRegistration::Off)
                .then(|| issuer.url(router::REGISTER)),
            revocation_endpoint: issuer.url(router::REVOKE),
            introspection_endpoint: issuer.url(router::INTROSPECT),
            jwks_uri: issuer.url(router::JWKS),
            status_list_aggregation_endpoint: issuer.url(router::STATUS_LISTS),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: TokenRequest::GRANT_TYPES,
            // Whose assertions are believed is told to nobody.
            authorization_grant_profiles_supported: [id_jag::PROFILE],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: METHODS,
            token_endpoint_auth_signing_alg_values_supported: algorithms,
            revocation_endpoint_auth_methods_supported: METHODS,
            revocation_endpoint_auth_signing_alg_values_supported: algorithms,
            introspection_endpoint_auth_methods_supported: confidential.collect(),
            introspection_endpoint_auth_signing_alg_values_supported: algorithms,
            introspection_signing_alg_values_supported: introspection_jwt::ALGORITHMS.map(SigningAlgorithm::name),
            dpop_signing_alg_values_supported: algorithms,
            // Of all apps; each may demand it for itself.
            require_pushed_authorization_requests: false,
            // Those of the APIs are for each API to list (RFC 9728 §2).
            scopes_supported: [OFFLINE_ACCESS],
            client_id_metadata_document_supported: config.metadata_documents,
            authorization_response_iss_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            claims_parameter_supported: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Issuer;
    use crate::config::testing::config;

    #[test]
    fn the_metadata_promises_what_this_server_does_and_nothing_else() {
        let config = Config {
            issuer: Issuer::parse("https://auth.example").unwrap(),
            ..config()
        };
        let metadata = serde_json::to_value(Metadata::new(&config)).unwrap();
        assert_eq!(metadata["issuer"], "https://auth.example");
        assert_eq!(metadata["token_endpoint"], "https://auth.example/oauth/token");
        assert_eq!(
            metadata["code_challenge_methods_supported"],
            serde_json::json!(["S256"])
        );
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        for absent in ["userinfo_endpoint", "id_token_signing_alg_values_supported"] {
            assert!(metadata.get(absent).is_none(), "{absent}");
        }
    }
}
