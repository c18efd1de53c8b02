//! Client metadata as the tables of the directory hold it.

use serde_json::Value;

use crate::oauth::client_metadata::ClientMetadata;
use crate::oauth::client_security::Authentication;
use crate::store::database::Statement;

/// Leaves an app the redirect URIs of its metadata that it has, and adds the others where `adds`, a condition on `apps`,
/// holds.
pub fn redirect_uris(client_id: &str, metadata: &ClientMetadata, adds: &str) -> [Statement; 2] {
    let uris: Vec<&str> = metadata.redirect_uris.iter().map(|uri| uri.as_str()).collect();
    let uris = Value::from(uris).to_string();
    let delete = "DELETE FROM app_redirect_uris
         WHERE client_id = ?1 AND redirect_uri NOT IN (SELECT value FROM json_each(?2))";
    let insert = format!(
        "INSERT INTO app_redirect_uris (client_id, redirect_uri)
         SELECT apps.client_id, value FROM apps CROSS JOIN json_each(?2) WHERE apps.client_id = ?1 AND {adds}
         ON CONFLICT DO NOTHING"
    );
    [Statement::new(delete), Statement::new(insert)].map(|statement| statement.text(client_id).text(&uris))
}

/// Gives an app for which `condition` on `apps` holds the scopes it asks for. One that asks for none in particular has no
/// row, and may ask users for whatever the default permissions let it. Names that the catalogue does not have are passed
/// over.
pub fn scopes(client_id: &str, metadata: &ClientMetadata, condition: &str) -> [Statement; 2] {
    let scopes: Vec<&str> = metadata.scope.iter().flat_map(|scopes| scopes.iter()).collect();
    let scopes = Value::from(scopes).to_string();
    let ours = format!("SELECT client_id FROM apps WHERE client_id = ?1 AND {condition}");
    let delete = format!(
        "DELETE FROM app_scopes WHERE client_id IN ({ours}) AND scope NOT IN (SELECT value FROM json_each(?2))"
    );
    let insert = format!(
        "INSERT INTO app_scopes (client_id, scope) SELECT ours.client_id, scopes.name
         FROM ({ours}) AS ours CROSS JOIN json_each(?2) CROSS JOIN scopes ON scopes.name = json_each.value
         WHERE true ON CONFLICT DO NOTHING"
    );
    [Statement::new(delete), Statement::new(insert)].map(|statement| statement.text(client_id).text(&scopes))
}

/// `apps.authentication`: that an app has nothing to prove itself with, its type says.
pub fn authentication(metadata: &ClientMetadata) -> &'static str {
    match metadata.authentication {
        Authentication::None | Authentication::ClientSecret => Authentication::ClientSecret.name(),
        Authentication::PrivateKeyJwt => Authentication::PrivateKeyJwt.name(),
    }
}

/// `apps.jwks`
pub fn jwks(metadata: &ClientMetadata) -> Option<String> {
    metadata.jwks.as_ref().map(Value::to_string)
}
