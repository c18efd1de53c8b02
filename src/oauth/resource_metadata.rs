//! Protected resource metadata (RFC 9728), and the challenges that lead a client to it.

use serde::Serialize;

use super::resource::split_origin;
use crate::config::Issuer;
use crate::http::with_params;
use crate::router;

/// Where a server keeps its document, between its host and the path of its resource indicator (§3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What stands in a challenge where the scopes of the operation belong.
pub const SCOPES_PLACE: &str = "SCOPES OF THE OPERATION";

/// The document of one API (§2). What only the API knows is not in it: whether it takes DPoP proofs, say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceMetadata {
    resource: String,
    authorization_servers: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
}

/// The headers `WWW-Authenticate` that an API sends (RFC 6750 §3, RFC 9728 §5.1, RFC 9470 §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenges {
    /// 401, without a token.
    pub no_token: String,
    /// 401, with one that is not good.
    pub invalid_token: String,
    /// 403; all the scopes of the operation go to [`SCOPES_PLACE`].
    pub insufficient_scope: String,
    /// 401, where the user signed in too long ago.
    pub insufficient_user_authentication: String,
}

impl ResourceMetadata {
    /// The document about a resource, called as the client calls it (§3.3).
    pub fn new(issuer: &Issuer, resource: String, name: Option<String>, scopes: Vec<String>) -> Self {
        Self {
            resource,
            authorization_servers: [issuer.as_str().to_owned()],
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
            resource_name: name,
        }
    }

    /// What an API says that points at the document at `address`.
    pub fn challenges(&self, address: &str) -> Challenges {
        let metadata = format!("resource_metadata=\"{address}\"");
        let scope = match self.scopes_supported.as_slice() {
            [] => String::new(),
            scopes => format!(", scope=\"{}\"", scopes.join(" ")),
        };
        Challenges {
            no_token: format!("Bearer {metadata}{scope}"),
            invalid_token: format!("Bearer error=\"invalid_token\", {metadata}{scope}"),
            insufficient_scope: format!("Bearer error=\"insufficient_scope\", scope=\"{SCOPES_PLACE}\", {metadata}"),
            insufficient_user_authentication: format!(
                "Bearer error=\"insufficient_user_authentication\", max_age=\"300\", {metadata}"
            ),
        }
    }
}

/// Where this server has the document of an API.
pub fn address(issuer: &Issuer, resource: &str) -> String {
    issuer.url(&with_params(router::RESOURCE_METADATA, &[("resource", resource)]))
}

/// Where the API itself would serve it (§3.1): `None` if that is no address.
pub fn well_known_address(resource: &str) -> Option<String> {
    let (origin, path) = split_origin(resource)?;
    let path = if path == "/" { "" } else { path };
    Some(format!("{origin}{WELL_KNOWN}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://auth.example").unwrap()
    }

    // Rule: META 19, META 20, META 22
    #[test]
    fn the_document_names_the_authorization_server_and_nothing_that_is_empty() {
        let full = ResourceMetadata::new(
            &issuer(),
            "https://mcp.example".into(),
            Some("MCP".into()),
            vec!["read".into(), "write".into()],
        );
        assert_eq!(
            serde_json::to_value(&full).unwrap(),
            serde_json::json!({
                "resource": "https://mcp.example", "authorization_servers": ["https://auth.example"],
                "scopes_supported": ["read", "write"], "bearer_methods_supported": ["header"], "resource_name": "MCP"
            })
        );
        let bare = ResourceMetadata::new(&issuer(), "https://mcp.example".into(), None, Vec::new());
        assert_eq!(
            serde_json::to_value(&bare).unwrap(),
            serde_json::json!({
                "resource": "https://mcp.example", "authorization_servers": ["https://auth.example"],
                "bearer_methods_supported": ["header"]
            })
        );
    }

    // Rule: PRM 1
    #[test]
    fn the_well_known_address_stands_between_host_and_path() {
        for (resource, address) in [
            (
                "https://api.example",
                "https://api.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.example/",
                "https://api.example/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.example/mcp",
                "https://api.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://api.example/a/b/",
                "https://api.example/.well-known/oauth-protected-resource/a/b/",
            ),
            (
                "http://[::1]:3000/mcp",
                "http://[::1]:3000/.well-known/oauth-protected-resource/mcp",
            ),
        ] {
            assert_eq!(well_known_address(resource).as_deref(), Some(address));
        }
        assert_eq!(well_known_address("mcp"), None);
    }

    // Rule: PRM 5, PRM 6
    #[test]
    fn challenges_name_the_document_and_the_scopes_and_only_the_bare_one_has_no_error() {
        let scopes = vec!["read".into(), "write".into()];
        let metadata = ResourceMetadata::new(&issuer(), "https://mcp.example/mcp".into(), None, scopes);
        let address = address(&issuer(), "https://mcp.example/mcp");
        assert_eq!(
            address,
            "https://auth.example/oauth/resource-metadata?resource=https%3A%2F%2Fmcp.example%2Fmcp"
        );
        let challenges = metadata.challenges(&address);
        assert_eq!(
            challenges.no_token,
            format!("Bearer resource_metadata=\"{address}\", scope=\"read write\"")
        );
        assert_eq!(
            challenges.insufficient_scope,
            format!("Bearer error=\"insufficient_scope\", scope=\"{SCOPES_PLACE}\", resource_metadata=\"{address}\"")
        );
        let bare = ResourceMetadata::new(&issuer(), "https://mcp.example".into(), None, Vec::new());
        assert_eq!(bare.challenges("x").no_token, "Bearer resource_metadata=\"x\"");
    }
}
